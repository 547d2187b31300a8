namespace Granary.Server.Configuration;

/// <summary>How connections between members are secured; nothing of it is used where peers are listened for at http://.</summary>
internal sealed record PeerTlsOptions
{
    /// <summary>PEM file of this member's certificate.</summary>
    public string? CertificateFile { get; init; }

    /// <summary>PEM file of its key.</summary>
    public string? KeyFile { get; init; }

    /// <summary>PEM file of the certificate that it shows when it connects to others; that one above if there is none.</summary>
    public string? ClientCertificateFile { get; init; }

    /// <summary>PEM file of that certificate's key.</summary>
    public string? ClientKeyFile { get; init; }

    /// <summary>PEM file of the authorities that sign members' certificates; those of the system if there is none.</summary>
    public string? TrustedCaFile { get; init; }

    /// <summary>Whether a member that connects must show a certificate.</summary>
    public bool ClientCertAuth { get; init; }

    /// <summary>File of the certificates that are revoked, PEM or DER.</summary>
    public string? CrlFile { get; init; }

    /// <summary>The common names that members' certificates may have; empty for any.</summary>
    public IReadOnlyList<string> AllowedCommonNames { get; init; } = [];

    /// <summary>The host names of which members' certificates must be for one; empty for the address that is connected to.</summary>
    public IReadOnlyList<string> AllowedHostnames { get; init; } = [];

    /// <summary>Whether each member makes itself a certificate, and the others know it by the database that they share.</summary>
    public bool AutoTls { get; init; }

    public bool HasCertificate => CertificateFile is not null || KeyFile is not null;

    public bool RequiresClientCertificate => AutoTls || ClientCertAuth || TrustedCaFile is not null;
}
