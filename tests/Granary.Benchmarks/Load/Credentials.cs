using System.Net.Security;
using System.Security.Cryptography.X509Certificates;

namespace Granary.Benchmarks.Load;

/// <summary>By what a client is known to a server, and the server to it.</summary>
/// <param name="AuthorityFile">PEM file of the authority that the server's certificate is of; null without TLS.</param>
/// <param name="Token">The token of its user, or null.</param>
internal sealed record Credentials(string? AuthorityFile = null, string? Token = null)
{
    public SslClientAuthenticationOptions Tls()
    {
        if (AuthorityFile is null)
        {
            return new SslClientAuthenticationOptions();
        }

        var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        policy.CustomTrustStore.ImportFromPemFile(AuthorityFile);
        return new SslClientAuthenticationOptions { CertificateChainPolicy = policy };
    }
}
