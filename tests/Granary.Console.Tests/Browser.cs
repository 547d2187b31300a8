using Xunit.v3;

[assembly: AssemblyFixture(typeof(Granary.Console.Tests.Browser))]
[assembly: Parallelization(MaxThreads = 1)]

namespace Granary.Console.Tests;

/// <summary>The one browser of all tests, Debian's.</summary>
public sealed class Browser : IAsyncLifetime
{
    private IPlaywright? _playwright;
    private IBrowser? _browser;

    public async ValueTask InitializeAsync()
    {
        var path = await Repository.Tool("get-chromium", CancellationToken.None);
        Assertions.SetDefaultExpectTimeout(60_000);
        _playwright = await Playwright.CreateAsync();
        _browser = await _playwright.Chromium.LaunchAsync(new BrowserTypeLaunchOptions
        {
            ExecutablePath = path,
            // Its sandbox does not let root in; what it shows here is only ours.
            Args = Environment.UserName == "root" ? ["--no-sandbox"] : [],
        });
    }

    /// <summary>A window of its own, as of another person.</summary>
    public Task<IBrowserContext> Window(BrowserNewContextOptions? options = null) => _browser!.NewContextAsync(options);

    public async ValueTask DisposeAsync()
    {
        if (_browser is not null)
        {
            await _browser.DisposeAsync();
        }

        _playwright?.Dispose();
    }
}
