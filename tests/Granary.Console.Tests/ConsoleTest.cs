using System.Collections.Concurrent;
using System.Text;

namespace Granary.Console.Tests;

/// <summary>One server and pages of its console. At the end no page may have complained: no error, and nothing that the policy has kept out.</summary>
public abstract class ConsoleTest(Browser browser) : IAsyncLifetime
{
    private readonly ConcurrentQueue<string> _complaints = new();
    private readonly List<IBrowserContext> _windows = [];
    private Server? _server;
    private GranaryClient? _client;

    private protected static CancellationToken Stop => TestContext.Current.CancellationToken;

    /// <summary>For whatever comes by itself.</summary>
    private protected static TimeSpan Generous { get; } = TimeSpan.FromSeconds(60);

    private protected Server Server => _server!;

    private protected GranaryClient Client => _client!;

    // What the browser itself says while a server is away, or as it goes.
    private protected static bool IsOfLostServer(string complaint) =>
        complaint.Contains("net::ERR_CONNECTION_", StringComparison.Ordinal)
        || complaint.Contains("net::ERR_EMPTY_RESPONSE", StringComparison.Ordinal)
        || complaint.Contains("net::ERR_INCOMPLETE_CHUNKED_ENCODING", StringComparison.Ordinal);

    /// <summary>What is no complaint in this test.</summary>
    private protected virtual bool Expects(string complaint) => false;

    private protected virtual string[] Flags => ["--engine", "memory"];

    public async ValueTask InitializeAsync()
    {
        _server = await Server.Start(Product.Granary, Stop, Flags);
        _client = new GranaryClient(_server.Address);
    }

    /// <summary>A page in a window of its own.</summary>
    /// <param name="view">What stands behind /console/: the part behind #.</param>
    /// <param name="options">What the window is like.</param>
    private protected async Task<IPage> Open(string view, BrowserNewContextOptions? options = null)
    {
        var window = await browser.Window(options);
        _windows.Add(window);
        window.SetDefaultTimeout((float)Generous.TotalMilliseconds);
        var page = await window.NewPageAsync();
        page.PageError += (_, error) => _complaints.Enqueue(error);
        page.Console += (_, message) =>
        {
            if (message.Type is "error" or "warning")
            {
                _complaints.Enqueue(message.Text);
            }
        };
        await page.GotoAsync($"{Server.Address}/console/{view}");
        return page;
    }

    private protected async Task Put(params (string Key, string Value)[] pairs)
    {
        await Parallel.ForEachAsync(pairs.Chunk(100), new ParallelOptions { MaxDegreeOfParallelism = 8, CancellationToken = Stop }, async (chunk, stop) =>
            await Client.Txn().Then([.. chunk.Select(static pair => Op.Put(pair.Key, pair.Value))]).CommitAsync(stop));
    }

    private protected static ILocator Row(IPage page, string name) => page.GetByRole(AriaRole.Treeitem).Filter(new LocatorFilterOptions { HasText = name }).First;

    private protected static ILocator Button(ILocator place, string name) => place.GetByRole(AriaRole.Button, new LocatorGetByRoleOptions { Name = name, Exact = true });

    private protected static ILocator Button(IPage page, string name) => page.GetByRole(AriaRole.Button, new PageGetByRoleOptions { Name = name, Exact = true });

    private protected static ILocator Dialog(IPage page) => page.GetByRole(AriaRole.Dialog);

    private protected static string Base64(string text) => Convert.ToBase64String(Encoding.UTF8.GetBytes(text));

    public async ValueTask DisposeAsync()
    {
        foreach (var window in _windows)
        {
            await window.DisposeAsync();
        }

        if (_client is not null)
        {
            await _client.DisposeAsync();
        }

        if (_server is not null)
        {
            await _server.DisposeAsync();
        }

        GC.SuppressFinalize(this);
        Assert.DoesNotContain(_complaints, complaint => !Expects(complaint));
    }
}
