using System.Net.Security;
using System.Security.Authentication;

namespace Granary.Server.Configuration;

/// <summary>How connections of clients are secured; nothing of it is used where only http:// is listened at.</summary>
internal sealed record TlsOptions
{
    /// <summary>PEM file of the server's certificate and, behind it, of those up to its authority's.</summary>
    public string? CertificateFile { get; init; }

    /// <summary>PEM file of the certificate's key.</summary>
    public string? KeyFile { get; init; }

    /// <summary>PEM file of the authorities whose clients are let in; then each client needs a certificate.</summary>
    public string? TrustedCaFile { get; init; }

    /// <summary>Whether each client needs a certificate, whose common name is then its user.</summary>
    public bool ClientCertAuth { get; init; }

    /// <summary>File of the certificates that are revoked, PEM or DER.</summary>
    public string? ClientCrlFile { get; init; }

    /// <summary>A host name that each client's certificate must be for; null for any.</summary>
    public string? ClientCertAllowedHostname { get; init; }

    /// <summary>Whether the server makes itself a certificate where it has none.</summary>
    public bool AutoTls { get; init; }

    /// <summary>How long a certificate that it makes itself is good, in years.</summary>
    public int SelfSignedCertValidityYears { get; init; } = 1;

    /// <summary>What may be used up to TLS 1.2; empty for all that the system has. Those of TLS 1.3 can't be chosen.</summary>
    public IReadOnlyList<TlsCipherSuite> CipherSuites { get; init; } = [];

    public SslProtocols MinVersion { get; init; } = SslProtocols.Tls12;

    /// <summary><see cref="SslProtocols.None"/> for the newest that there is.</summary>
    public SslProtocols MaxVersion { get; init; }

    public bool HasCertificate => CertificateFile is not null || KeyFile is not null;

    public bool RequiresClientCertificate => ClientCertAuth || TrustedCaFile is not null;

    /// <summary>The versions that are spoken.</summary>
    public SslProtocols Protocols =>
        (MinVersion <= SslProtocols.Tls12 ? SslProtocols.Tls12 : SslProtocols.None)
        | (MaxVersion is SslProtocols.None or SslProtocols.Tls13 ? SslProtocols.Tls13 : SslProtocols.None);
}
