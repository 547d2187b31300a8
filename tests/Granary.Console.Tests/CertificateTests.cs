namespace Granary.Console.Tests;

/// <summary>A browser that shows a client certificate.</summary>
public sealed class CertificateTests(Browser browser) : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("granary-console-").FullName;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public async Task Who_has_a_certificate_with_a_name_is_told_in_plain_words_why_nothing_is_shown()
    {
        var authority = new Authority(_directory, "authority");
        var own = authority.Issue("server");
        var ann = authority.Issue("ann");
        var address = $"https://127.0.0.1:{LoopbackPorts.Take()}";
        await using var server = await Server.Start(
            Product.Granary, Stop, "--engine", "memory", "--listen-client-urls", address, "--advertise-client-urls", address,
            "--cert-file", own.CertificateFile, "--key-file", own.KeyFile, "--trusted-ca-file", authority.CertificateFile, "--client-cert-auth");
        await using var window = await browser.Window(new BrowserNewContextOptions
        {
            IgnoreHTTPSErrors = true,
            ClientCertificates = [new ClientCertificate { Origin = address, CertPath = ann.CertificateFile, KeyPath = ann.KeyFile }],
        });
        var page = await window.NewPageAsync();
        foreach (var view in (string[])["keys", "leases", "cluster"])
        {
            await page.GotoAsync($"{address}/console/#/{view}");
            await Assertions.Expect(page.GetByText("The client certificate of this browser has a common name (CN).").First).ToBeVisibleAsync();
        }
    }
}
