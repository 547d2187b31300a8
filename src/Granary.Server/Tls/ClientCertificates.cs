using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Granary.Server.Configuration;

namespace Granary.Server.Tls;

/// <summary>Decides which clients' certificates are good: signed by a trusted authority, for clients, in their time, for the right host, not revoked.</summary>
internal sealed partial class ClientCertificates
{
    private const string ClientAuthentication = "1.3.6.1.5.5.7.3.2";

    private readonly TlsOptions _options;
    private readonly IReadOnlySet<string> _revoked;
    private readonly ILogger _logger;

    public ClientCertificates(TlsOptions options, CertificateFiles files, ILogger logger)
    {
        _options = options;
        _revoked = files.Revoked;
        _logger = logger;
        Policy = new X509ChainPolicy
        {
            RevocationMode = X509RevocationMode.NoCheck,
            DisableCertificateDownloads = true,
            ApplicationPolicy = { new Oid(ClientAuthentication) },
        };
        if (files.Authorities is { } authorities)
        {
            Policy.TrustMode = X509ChainTrustMode.CustomRootTrust;
            Policy.CustomTrustStore.AddRange(authorities);
        }
    }

    /// <summary>By which the chain of a certificate is built.</summary>
    public X509ChainPolicy Policy { get; }

    /// <summary>Whether a client with this certificate may come in.</summary>
    /// <param name="certificate">What it has shown; null for none.</param>
    /// <param name="chain">As it was built by <see cref="Policy"/>.</param>
    public bool MayComeIn(X509Certificate2? certificate, X509Chain? chain)
    {
        var objection = Objection(certificate, chain);
        if (objection is not null)
        {
            Log.Refused(_logger, objection);
        }

        return objection is null;
    }

    /// <summary>The common name of a certificate, which is the name of its user; null when it has none.</summary>
    public static string? CommonName(X509Certificate2 certificate)
    {
        foreach (var part in certificate.SubjectName.EnumerateRelativeDistinguishedNames())
        {
            if (!part.HasMultipleElements && part.GetSingleElementType().Value == "2.5.4.3")
            {
                return part.GetSingleElementValue();
            }
        }

        return null;
    }

    private string? Objection(X509Certificate2? certificate, X509Chain? chain)
    {
        if (certificate is null || chain is null)
        {
            return "it shows no certificate";
        }

        if (chain.ChainStatus.Length > 0)
        {
            return string.Join(", ", chain.ChainStatus.Select(static status => status.Status.ToString()).Distinct());
        }

        if (_options.ClientCertAllowedHostname is { } host && !certificate.MatchesHostname(host, allowWildcards: true, allowCommonName: false))
        {
            return $"it is not for {host}";
        }

        foreach (var element in chain.ChainElements)
        {
            if (_revoked.Contains(Convert.ToHexString(element.Certificate.SerialNumberBytes.Span)))
            {
                return $"{element.Certificate.SerialNumber} is revoked";
            }
        }

        return null;
    }

    private static partial class Log
    {
        [LoggerMessage(11, LogLevel.Warning, "A client's certificate is refused: {Reason}")]
        public static partial void Refused(ILogger logger, string reason);
    }
}
