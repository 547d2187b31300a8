using System.Net.Security;
using System.Security.Cryptography.X509Certificates;

namespace Granary.Conformance.Tests.Tls;

/// <summary>Servers with certificates, and how clients trust them and show their own.</summary>
internal static class Secured
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    /// <param name="product">Whose server.</param>
    /// <param name="authority">Signs its certificate.</param>
    /// <param name="flags">Its other flags.</param>
    /// <param name="shown">A certificate that it shows instead.</param>
    /// <param name="also">A URL on which it listens besides.</param>
    public static async Task<(Server Server, string Address)> Start(
        Product product, Authority authority, string[] flags, (string CertificateFile, string KeyFile)? shown = null, string? also = null)
    {
        var (certificate, key) = shown ?? authority.Issue("server");
        var address = $"https://127.0.0.1:{LoopbackPorts.Take()}";
        var server = await Server.Start(
            product,
            Stop,
            [
                "--listen-client-urls", also is null ? address : $"{address},{also}", "--advertise-client-urls", address,
                "--cert-file", certificate, "--key-file", key, .. flags,
            ]);
        return (server, address);
    }

    public static Task<Tool> Etcdctl(string address, Authority authority, (string CertificateFile, string KeyFile) client, string[] arguments) => Tool.End(
        Tool.Start(
            EtcdBinaries.Etcdctl,
            [
                "--endpoints", address, "--cacert", authority.CertificateFile, "--cert", client.CertificateFile, "--key", client.KeyFile, .. arguments,
            ]),
        Stop);

    public static SslClientAuthenticationOptions Client(Authority authority, (string CertificateFile, string KeyFile)? client)
    {
        var tls = new SslClientAuthenticationOptions { CertificateChainPolicy = Trust(authority.CertificateFile) };
        if (client is { } shown)
        {
            var certificate = X509Certificate2.CreateFromPemFile(shown.CertificateFile, shown.KeyFile);
            tls.ClientCertificateContext = SslStreamCertificateContext.Create(certificate, null, offline: true);
        }

        return tls;
    }

    public static X509ChainPolicy Trust(string file)
    {
        var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        policy.CustomTrustStore.ImportFromPemFile(file);
        return policy;
    }
}
