using static Granary.Conformance.Tests.Requests;

namespace Granary.Conformance.Tests;

/// <summary>Progress that comes by itself, at servers that tell it every 200 ms.</summary>
public sealed class WatchProgressTests(WatchProgressTests.ImpatientPair pair) : ConformanceTest(pair), IClassFixture<WatchProgressTests.ImpatientPair>
{
    [Fact]
    public async Task A_watcher_that_wants_progress_is_told_while_it_has_no_events_and_others_are_not()
    {
        using var watch = new PairedWatch(Pair);
        await watch.Created(new WatchCreateRequest { Key = Bytes("quiet") });
        await watch.Created(new WatchCreateRequest { Key = Bytes("a"), ProgressNotify = true });
        Assert.Equal((1, Start), await Told(watch));
        Assert.Equal((1, Start), await Told(watch));
    }

    [Fact]
    public async Task One_in_the_future_is_told_nothing_until_the_store_gets_there()
    {
        using var watch = new PairedWatch(Pair);
        await watch.Created(new WatchCreateRequest { Key = Bytes("a"), ProgressNotify = true, StartRevision = Start + 2 });
        await watch.Created(new WatchCreateRequest { Key = Bytes("b"), ProgressNotify = true });
        Assert.Equal((1, Start), await Told(watch));
        Assert.Equal((1, Start), await Told(watch));
    }

    private static async Task<(long Id, long Revision)> Told(PairedWatch watch)
    {
        var response = (await watch.SameByWatcher(1))[0];
        return (response.WatchId, response.Header.Revision);
    }

    public sealed class ImpatientPair() : Pair("--experimental-watch-progress-notify-interval=200ms");
}
