using System.Globalization;
using System.Text.RegularExpressions;

namespace Granary.Console.Tests;

/// <summary>The other views, of a server without users.</summary>
public sealed class ViewsTests(Browser browser) : ConsoleTest(browser)
{
    [Fact]
    public async Task Changes_flow_with_before_and_after_and_stop_while_they_are_paused()
    {
        await Put(("live/a", "old"), ("elsewhere", "x"));
        var page = await Open("#/live?prefix=live/");
        await Assertions.Expect(page.GetByTestId("state")).ToHaveTextAsync("following");
        await Put(("live/a", "new"), ("elsewhere", "y"), ("live/b", "made"));
        await Client.DeleteAsync("live/b", cancellationToken: Stop);
        await Assertions.Expect(Changes(page)).ToHaveTextAsync([new Regex("deletelive/b"), new Regex("createlive/bmade"), new Regex("putlive/anew")]);
        await Button(page, "live/a").ClickAsync();
        await Assertions.Expect(page.GetByLabel("What changed")).ToContainTextAsync("− old");
        await Assertions.Expect(page.GetByLabel("What changed")).ToContainTextAsync("+ new");
        await page.GetByLabel("Kind").SelectOptionAsync("delete");
        await Assertions.Expect(Changes(page)).ToHaveCountAsync(1);
        await page.GetByLabel("Kind").SelectOptionAsync("");
        await page.GetByLabel("Key has").FillAsync("/a");
        await Assertions.Expect(Changes(page)).ToHaveCountAsync(1);
        await page.GetByLabel("Key has").FillAsync("");
        await Button(page, "Pause").ClickAsync();
        await Put(("live/c", "later"));
        await Assertions.Expect(page.GetByTestId("state")).ToHaveTextAsync("paused, 1 more");
        await Assertions.Expect(Changes(page)).ToHaveCountAsync(3);
        await Button(page, "Go on").ClickAsync();
        await Assertions.Expect(Changes(page)).ToHaveCountAsync(4);
    }

    [Fact]
    public async Task A_thousand_changes_a_second_do_not_stall_the_page_and_only_the_last_are_kept()
    {
        var page = await Open("#/live?prefix=burst/");
        await Assertions.Expect(page.GetByTestId("state")).ToHaveTextAsync("following");
        var devTools = await page.Context.NewCDPSessionAsync(page);
        await devTools.SendAsync("Performance.enable", new Dictionary<string, object> { ["timeDomain"] = "threadTicks" });
        var before = await Worked(devTools);
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(50));
        for (var round = 0; round < 100; round++)
        {
            await Put([.. Enumerable.Range(0, 50).Select(i => ($"burst/{i}", $"{round}"))]);
            await timer.WaitForNextTickAsync(Stop);
        }

        await Assertions.Expect(page.GetByTestId("total")).ToHaveTextAsync("5,000 in all");
        var worked = await Worked(devTools) - before;
        TestContext.Current.TestOutputHelper!.WriteLine(string.Create(CultureInfo.InvariantCulture, $"the page worked for {worked.TotalMilliseconds:F0} ms"));
        Assert.InRange(worked, TimeSpan.FromMilliseconds(1), TimeSpan.FromSeconds(4));
        await Assertions.Expect(page.GetByRole(AriaRole.Grid)).ToHaveAttributeAsync("aria-rowcount", "2000");
        Assert.InRange(await Changes(page).CountAsync(), 1, 100);
    }

    // The processor's time, not the clock's: what else the machine does is not the page's.
    private static async Task<TimeSpan> Worked(ICDPSession devTools)
    {
        var answer = await devTools.SendAsync("Performance.getMetrics");
        var tasks = answer!.Value.GetProperty("metrics").EnumerateArray().First(static metric => metric.GetProperty("name").GetString() == "TaskDuration");
        return TimeSpan.FromSeconds(tasks.GetProperty("value").GetDouble());
    }

    [Fact]
    public async Task A_lease_says_what_it_holds_and_is_revoked()
    {
        var lease = await Client.GrantLeaseAsync(TimeSpan.FromMinutes(10), cancellationToken: Stop);
        await Client.PutAsync("held", "by a lease", new PutOptions { LeaseId = lease.Id }, cancellationToken: Stop);
        var page = await Open("#/leases");
        await page.GetByRole(AriaRole.Button, new PageGetByRoleOptions { NameRegex = new Regex("^Show the keys") }).ClickAsync();
        await page.GetByRole(AriaRole.Link, new PageGetByRoleOptions { Name = "held" }).ClickAsync();
        await Assertions.Expect(page.GetByText(new Regex("of 10 min 0 s left"))).ToBeVisibleAsync();
        await page.GoBackAsync();
        await page.GetByRole(AriaRole.Button, new PageGetByRoleOptions { NameRegex = new Regex("^Revoke") }).ClickAsync();
        await Assertions.Expect(Dialog(page)).ToContainTextAsync("1 key that has it is deleted");
        await Button(Dialog(page), "Revoke").ClickAsync();
        await Assertions.Expect(page.GetByText("There are no leases.")).ToBeVisibleAsync();
        Assert.Null(await Client.GetAsync("held", cancellationToken: Stop));
    }

    [Fact]
    public async Task Who_holds_a_lock_comes_first_then_those_who_wait_in_order()
    {
        foreach (var owner in (string[])["first", "second", "third"])
        {
            var lease = await Client.GrantLeaseAsync(TimeSpan.FromMinutes(10), cancellationToken: Stop);
            await Client.PutAsync($"deploy/{lease.Id:x}", owner, new PutOptions { LeaseId = lease.Id }, cancellationToken: Stop);
        }

        var page = await Open("#/locks?name=deploy");
        await Assertions.Expect(page.GetByRole(AriaRole.Listitem)).ToContainTextAsync(["first", "second", "third"]);
        await Assertions.Expect(page.GetByRole(AriaRole.Listitem)).ToContainTextAsync(["holds it", "waits, 1.", "waits, 2."]);
    }

    [Fact]
    public async Task The_cluster_is_compacted_defragmented_and_saved()
    {
        await Put(("k", "1"));
        await Put(("k", "2"));
        var page = await Open("#/cluster");
        await Assertions.Expect(page.GetByRole(AriaRole.Row).Nth(1)).ToContainTextAsync("leader");
        await Button(page, "Compact").ClickAsync();
        await Button(Dialog(page), "Compact").ClickAsync();
        await Assertions.Expect(Dialog(page)).ToHaveCountAsync(0);
        await Assert.ThrowsAnyAsync<GranaryException>(async () => await Client.RangeAsync(KeyRange.Of("k"), new RangeOptions { Revision = 2 }, Stop));
        var mayGoOn = new TaskCompletionSource();
        await page.RouteAsync("**/v3/maintenance/defragment", async route =>
        {
            await mayGoOn.Task;
            await route.ContinueAsync();
        });
        await Button(page, "Defragment").ClickAsync();
        await Button(Dialog(page), "Defragment").ClickAsync();
        await Assertions.Expect(page.GetByTestId("progress")).ToHaveTextAsync(new Regex(@"^[1-9]\d* s.*B on disk, .*B in use"));
        mayGoOn.SetResult();
        await Assertions.Expect(Dialog(page)).ToHaveCountAsync(0);

        // The dialog for files is the browser's own: without it the page saves as any download.
        await page.EvaluateAsync("() => { delete window.showSaveFilePicker; window.showSaveFilePicker = undefined; }");
        var download = await page.RunAndWaitForDownloadAsync(() => Button(page, "Download").ClickAsync());
        var status = await Tool.Granary(Stop, "snapshot", "status", await download.PathAsync());
        Assert.True(status.ExitCode == 0, status.All);
    }

    [Fact]
    public async Task A_server_that_is_killed_and_started_again_is_gone_on_with()
    {
        await Put(("before", "1"));
        var keys = await Open("");
        var live = await Open("#/live");
        await Row(keys, "before").WaitForAsync();
        await Assertions.Expect(live.GetByTestId("state")).ToHaveTextAsync("following");
        await Server.Kill(Stop);
        await Button(keys, "Refresh").ClickAsync();
        foreach (var page in (IPage[])[keys, live])
        {
            await Assertions.Expect(page.GetByText("The connection to the server is lost.")).ToBeVisibleAsync();
        }

        await Server.StartAgain(Stop);
        await Put(("after", "2"));
        foreach (var page in (IPage[])[keys, live])
        {
            await Assertions.Expect(page.GetByText("The connection to the server is lost.")).ToHaveCountAsync(0);
        }

        await Button(keys, "Refresh").ClickAsync();
        await Row(keys, "after").WaitForAsync();
        await Assertions.Expect(Changes(live)).ToHaveTextAsync([new Regex("createafter2")]);
    }

    private static ILocator Changes(IPage page) => page.GetByRole(AriaRole.Grid).GetByRole(AriaRole.Row);

    private protected override string[] Flags => [];

    // While the server is away a browser says so too.
    private protected override bool Expects(string complaint) =>
        IsOfLostServer(complaint) || complaint.Contains("WebSocket connection to", StringComparison.Ordinal);
}
