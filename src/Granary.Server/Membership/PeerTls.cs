using System.Net;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Granary.Log.Engines.Postgres;
using Granary.Server.Configuration;
using Granary.Server.Tls;
using Orleans.Configuration;
using Orleans.Connections.Security;
using SiloTlsOptions = Orleans.Connections.Security.TlsOptions;

namespace Granary.Server.Membership;

/// <summary>
/// Secures connections between silos: by certificates of an authority, or by those that the members have made themselves and the database that
/// they share names. Certificates are read again when somebody connects and their files have changed.
/// </summary>
internal sealed partial class PeerTls
{
    private readonly PeerTlsOptions _options;
    private readonly PostgresDatabase _database;
    private readonly ILogger _logger;
    private readonly Lock _gate = new();
    private string _stamp = "";
    private Material _material;
    private volatile IReadOnlySet<string> _known = new HashSet<string>();

    /// <exception cref="SettingsException">The files cannot be used.</exception>
    public PeerTls(ServerOptions options, PostgresDatabase database, ILogger<PeerTls> logger, CancellationToken cancellationToken)
    {
        _options = options.PeerTls;
        _database = database;
        _logger = logger;
        if (_options.AutoTls && !_options.HasCertificate)
        {
            var made = AutoCertificate.Use(
                options.Tls, Hosting.DataDirectory.PeerCertificatesIn(options.EffectiveDataDirectory), options.ListenPeerUrls);
            _options = _options with { CertificateFile = made.CertificateFile, KeyFile = made.KeyFile };
        }

        _material = Read();
        if (IsByDatabase)
        {
            database.WhenReachable(
                connection => PostgresMembers.NoteCertificate(connection, database, options.Name, Thumbprint(_material.Server)), logger, cancellationToken);
        }
    }

    /// <summary>Has all connections between silos secured.</summary>
    public void Secure(IServiceCollection services)
    {
        var incoming = Checked(_options.RequiresClientCertificate);
        incoming.LocalServerCertificateSelector = (_, _) => Current().Server;
        var outgoing = Checked(isRequired: true);

        // The library asks for one, and uses what the selector says.
        outgoing.LocalCertificate = Current().Client;
        outgoing.LocalClientCertificateSelector = (_, _, _, _, _) => Current().Client;
        outgoing.OnAuthenticateAsClient = static (connection, client) => client.TargetHost = (connection.RemoteEndPoint as IPEndPoint)?.Address.ToString() ?? "";
        services.Configure<SiloConnectionOptions>(silos =>
        {
            silos.ConfigureSiloInboundConnection(connection => connection.UseServerTls(incoming));
            silos.ConfigureSiloOutboundConnection(connection => connection.UseClientTls(outgoing));
        });
    }

    private SiloTlsOptions Checked(bool isRequired)
    {
        var mode = isRequired ? RemoteCertificateMode.RequireCertificate : RemoteCertificateMode.NoCertificate;
        return new SiloTlsOptions
        {
            RemoteCertificateMode = mode,
            ClientCertificateMode = mode,
            RemoteCertificateValidation = (certificate, _, errors) => IsGood(certificate, errors),
        };
    }

    // Made by the members themselves, of whom there is no authority to vouch for.
    private bool IsByDatabase => _options.AutoTls && _options.TrustedCaFile is null;

    private bool IsGood(X509Certificate2? certificate, SslPolicyErrors errors)
    {
        var objection = certificate is null ? "it shows no certificate" : IsByDatabase ? ObjectionByDatabase(certificate) : Objection(certificate, errors);
        if (objection is not null)
        {
            Log.Refused(_logger, objection);
        }

        return objection is null;
    }

    private string? ObjectionByDatabase(X509Certificate2 certificate)
    {
        var thumbprint = Thumbprint(certificate);
        if (!_known.Contains(thumbprint))
        {
            try
            {
                using var connection = _database.Connect();
                _known = PostgresMembers.Certificates(connection, _database);
            }
            catch (Exception exception) when (PostgresDatabase.IsPassing(exception))
            {
                return $"nobody knows whether it is a member's: {exception.GetBaseException().Message}";
            }
        }

        return _known.Contains(thumbprint) ? null : "it is no member's";
    }

    private string? Objection(X509Certificate2 certificate, SslPolicyErrors errors)
    {
        var material = Current();
        using var chain = new X509Chain
        {
            ChainPolicy =
            {
                RevocationMode = X509RevocationMode.NoCheck,
                DisableCertificateDownloads = true,
            },
        };
        if (material.Authorities is { } authorities)
        {
            chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
            chain.ChainPolicy.CustomTrustStore.AddRange(authorities);
            chain.ChainPolicy.ExtraStore.AddRange(authorities);
        }

        if (!chain.Build(certificate))
        {
            return string.Join(", ", chain.ChainStatus.Select(static status => status.Status.ToString()).Distinct());
        }

        if (chain.ChainElements.FirstOrDefault(element => material.Revoked.Contains(Convert.ToHexString(element.Certificate.SerialNumberBytes.Span))) is { } revoked)
        {
            return $"{revoked.Certificate.SerialNumber} is revoked";
        }

        if (_options.AllowedCommonNames.Count > 0 && !_options.AllowedCommonNames.Contains(ClientCertificates.CommonName(certificate)))
        {
            return $"its common name is none of {string.Join(", ", _options.AllowedCommonNames)}";
        }

        return _options.AllowedHostnames.Count > 0
            ? _options.AllowedHostnames.Any(host => certificate.MatchesHostname(host, allowWildcards: true, allowCommonName: false)) ? null
                : $"it is for none of {string.Join(", ", _options.AllowedHostnames)}"
            : errors.HasFlag(SslPolicyErrors.RemoteCertificateNameMismatch) ? "it is not for the address that was connected to: have it name that, or set --peer-cert-allowed-hostname"
            : null;
    }

    private Material Current()
    {
        lock (_gate)
        {
            try
            {
                return _material = Stamp() == _stamp ? _material : Read();
            }
            catch (SettingsException exception)
            {
                Log.CannotBeUsed(_logger, exception.Message);
                return _material;
            }
        }
    }

    private string Stamp() => FileStamps.Of(
        _options.CertificateFile, _options.KeyFile, _options.ClientCertificateFile, _options.ClientKeyFile, _options.TrustedCaFile, _options.CrlFile);

    private Material Read()
    {
        _stamp = Stamp();
        var server = CertificateFiles.ReadOne(_options.CertificateFile!, "peer-cert-file", _options.KeyFile!, "peer-key-file");
        return new Material(
            server,
            _options.ClientCertificateFile is { } file ? CertificateFiles.ReadOne(file, "peer-client-cert-file", _options.ClientKeyFile!, "peer-client-key-file") : server,
            _options.TrustedCaFile is { } authorities ? CertificateFiles.ReadAll(authorities, "peer-trusted-ca-file") : null,
            CertificateFiles.ReadRevoked(_options.CrlFile, "peer-crl-file"));
    }

    private static string Thumbprint(X509Certificate2 certificate) => certificate.GetCertHashString(HashAlgorithmName.SHA256);

    private sealed record Material(X509Certificate2 Server, X509Certificate2 Client, X509Certificate2Collection? Authorities, IReadOnlySet<string> Revoked);

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Warning, "A member's certificate is refused: {Reason}")]
        public static partial void Refused(ILogger logger, string reason);

        [LoggerMessage(2, LogLevel.Error, "The certificates for peers have changed and cannot be used; those from before stay: {Reason}")]
        public static partial void CannotBeUsed(ILogger logger, string reason);
    }
}
