namespace Granary.Server.Tls;

/// <summary>Tells a request the common name of the certificate with which its connection was made; only where that is to be its user.</summary>
internal sealed record CertificateUser(string? Name);
