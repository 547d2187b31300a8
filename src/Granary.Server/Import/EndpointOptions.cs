namespace Granary.Server.Import;

/// <summary>How to reach a running server.</summary>
/// <param name="Endpoint">HOST:PORT, or a URL of scheme http or https.</param>
/// <param name="User">NAME:PASSWORD, when the server asks for one.</param>
/// <param name="AuthorityFile">PEM file of the certificates to trust instead of the system's.</param>
/// <param name="CertificateFile">PEM file of the client's certificate.</param>
/// <param name="KeyFile">PEM file of its key.</param>
internal sealed record EndpointOptions(
    string Endpoint, string? User = null, string? AuthorityFile = null, string? CertificateFile = null, string? KeyFile = null);
