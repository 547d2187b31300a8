namespace Granary.Snapshots.Tests;

/// <summary>Moving in from an etcd that speaks TLS: who trusts whom, and what is said when somebody does not.</summary>
public sealed class TlsTests : SnapshotTest
{
    [Fact]
    public async Task An_etcd_with_tls_is_copied_with_its_authority_named_and_by_nobody_who_trusts_another()
    {
        var (trusted, other) = (new Authority(Made("trusted"), "trusted"), new Authority(Made("other"), "other"));
        await using var plain = await Filled();
        var address = $"https://127.0.0.1:{LoopbackPorts.Take()}";
        await using var secure = await Secure(plain, address, trusted);

        await using var granary = Server.NotStarted(Product.Granary);
        foreach (var options in (string[][])[["--cacert", other.CertificateFile], []])
        {
            var refused = await Tool.Granary(Stop, ["import", "--from", address, "--data-dir", granary.DataDirectory, .. options]);
            Assert.Equal(1, refused.ExitCode);
            Assert.Contains($"{address} is not trusted", refused.Error, StringComparison.Ordinal);
            Assert.Contains("--cacert", refused.Error, StringComparison.Ordinal);
            Assert.Single(refused.Error.Trim().Split('\n'));
            Assert.False(Directory.Exists(granary.DataDirectory) || Directory.Exists(granary.DataDirectory + ".unfinished"));
        }

        MustSucceed(await Tool.Granary(Stop, "import", "--from", address, "--data-dir", granary.DataDirectory, "--cacert", trusted.CertificateFile));
        await granary.StartAgain(Stop);
        await MustBeAlike(plain, granary, 0);

        await using var running = await Server.Start(Product.Granary, Stop);
        MustSucceed(await Tool.Granary(Stop, "import", "--from", address, "--to", running.Endpoint, "--once", "--cacert", trusted.CertificateFile));
        Assert.Equal((await All(plain)).Kvs.Select(pair => (pair.Key, pair.Value)), (await All(running)).Kvs.Select(pair => (pair.Key, pair.Value)));
        MustSucceed(await Tool.Granary(Stop, "status", "--endpoint", address, "--cacert", trusted.CertificateFile));
    }

    [Fact]
    public async Task An_etcd_that_asks_for_a_certificate_is_copied_with_one_and_else_it_is_said_what_lacks()
    {
        var authority = new Authority(Made("authority"), "authority");
        var (certificate, key) = authority.Issue("client");
        await using var plain = await Filled();
        var address = $"https://127.0.0.1:{LoopbackPorts.Take()}";
        await using var secure = await Secure(plain, address, authority, "--client-cert-auth", "--trusted-ca-file", authority.CertificateFile);

        string[] import = ["import", "--from", address, "--data-dir", PathOf("data"), "--cacert", authority.CertificateFile];
        var refused = await Tool.Granary(Stop, import);
        Assert.Equal(1, refused.ExitCode);
        Assert.Contains("--cert", refused.Error, StringComparison.Ordinal);
        Assert.False(Directory.Exists(PathOf("data")));

        var keyless = await Tool.Granary(Stop, [.. import, "--cert", certificate, "--key", PathOf("nowhere.pem")]);
        Assert.Equal(1, keyless.ExitCode);
        Assert.Contains("nowhere.pem", Assert.Single(keyless.Error.Trim().Split('\n')), StringComparison.Ordinal);

        MustSucceed(await Tool.Granary(Stop, [.. import, "--cert", certificate, "--key", key]));
        MustSucceed(await Tool.Granary(Stop, "check", PathOf("data")));
    }

    [Fact]
    public async Task An_endpoint_with_tls_that_is_named_without_https_is_told_so()
    {
        var authority = new Authority(Made("authority"), "authority");
        await using var plain = await Filled();
        var port = LoopbackPorts.Take();
        await using var secure = await Secure(plain, $"https://127.0.0.1:{port}", authority);
        var refused = await Tool.Granary(Stop, "import", "--from", $"127.0.0.1:{port}", "--data-dir", PathOf("data"));
        Assert.Equal(1, refused.ExitCode);
        Assert.Contains("https://", refused.Error, StringComparison.Ordinal);
    }

    private static async Task<Server> Filled()
    {
        var etcd = await Server.Start(Product.Etcd, Stop);
        for (var i = 0; i < 20; i++)
        {
            await Put(etcd, $"key/{i}", $"{i}");
        }

        return etcd;
    }

    /// <summary>An etcd with the same content that takes clients by TLS alone.</summary>
    private async Task<Server> Secure(Server plain, string address, Authority authority, params string[] flags)
    {
        var (certificate, key) = authority.Issue("server");
        return await EtcdOf(
            await Save(plain, "plain.db"),
            ["--listen-client-urls", address, "--advertise-client-urls", address, "--cert-file", certificate, "--key-file", key, .. flags]);
    }

    private string Made(string name) => Directory.CreateDirectory(PathOf(name)).FullName;
}
