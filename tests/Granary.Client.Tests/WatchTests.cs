using System.Globalization;

namespace Granary.Client.Tests;

/// <summary>Who watches is told of each change once, in order, whatever breaks meanwhile. GRANARY_WATCH_CUTS has it broken more often.</summary>
public sealed class WatchTests(BothServers servers, ITestOutputHelper output) : ClientTest(servers)
{
    private static int Cuts =>
        int.TryParse(Environment.GetEnvironmentVariable("GRANARY_WATCH_CUTS"), CultureInfo.InvariantCulture, out var cuts) ? cuts : 8;

    [Theory]
    [InlineData(Way.Etcd)]
    [InlineData(Way.Granary)]
    [InlineData(Way.InCluster)]
    public async Task A_watch_tells_what_was_and_what_comes(Way way)
    {
        await using var client = To(way);
        var first = (await client.PutAsync(Prefix + "a", "1", cancellationToken: Stop)).Revision;
        var watching = Take(client, 4, new WatchOptions { StartRevision = first, ReturnPrevious = true });
        await client.PutAsync(Prefix + "a", "2", cancellationToken: Stop);
        await client.Txn().Then(Op.Delete(Prefix + "a"), Op.Put(Prefix + "b", "3")).CommitAsync(Stop);

        var events = await watching;
        Assert.Equal(
            ["put a=1 was ", "put a=2 was 1", "delete a= was 2", "put b=3 was "],
            events.Select(told => $"{(told.IsDeletion ? "delete" : "put")} {told.Key.ToString()[Prefix.Length..]}={told.Value} was {told.Previous?.Value}"));
        Assert.Equal(events[2].Revision, events[3].Revision);
    }

    [Theory]
    [InlineData(Way.Etcd)]
    [InlineData(Way.Granary)]
    [InlineData(Way.InCluster)]
    public async Task A_watch_without_a_start_says_when_it_has_begun(Way way)
    {
        await using var client = To(way);
        var before = (await client.PutAsync(Prefix + "a", "before", cancellationToken: Stop)).Revision;
        await using var updates = client.WatchAsync(KeyRange.Prefix(Prefix), new WatchOptions { ReportProgress = true }, Stop).GetAsyncEnumerator(Stop);
        Assert.True(await updates.MoveNextAsync());
        Assert.Empty(updates.Current.Events);
        Assert.True(updates.Current.Revision >= before);

        await client.PutAsync(Prefix + "a", "since", cancellationToken: Stop);
        Assert.True(await updates.MoveNextAsync());
        Assert.Equal("since", Assert.Single(updates.Current.Events).Value.ToString());
    }

    [Theory]
    [InlineData(Way.Etcd)]
    [InlineData(Way.Granary)]
    [InlineData(Way.InCluster)]
    public async Task Kinds_that_are_not_asked_for_are_left_out(Way way)
    {
        await using var client = To(way);
        var start = (await client.PutAsync(Prefix + "a", "1", cancellationToken: Stop)).Revision;
        await client.DeleteAsync(Prefix + "a", cancellationToken: Stop);
        await client.PutAsync(Prefix + "b", "2", cancellationToken: Stop);
        await client.DeleteAsync(Prefix + "b", cancellationToken: Stop);

        Assert.All(await Take(client, 2, new WatchOptions { StartRevision = start, ExcludePuts = true }), static told => Assert.True(told.IsDeletion));
        Assert.All(await Take(client, 2, new WatchOptions { StartRevision = start, ExcludeDeletions = true }), static told => Assert.False(told.IsDeletion));
    }

    [Theory]
    [InlineData(Way.Etcd)]
    [InlineData(Way.Granary)]
    [InlineData(Way.InCluster)]
    public async Task A_revision_that_comes_in_fragments_is_told_whole(Way way)
    {
        await using var client = To(way);
        for (var i = 0; i < 20; i++)
        {
            await client.PutAsync($"{Prefix}{i:00}", new byte[400_000], cancellationToken: Stop);
        }

        var start = (await client.DeleteAsync(KeyRange.Prefix(Prefix), cancellationToken: Stop)).Revision;
        await using var updates = client.WatchAsync(
            KeyRange.Prefix(Prefix), new WatchOptions { StartRevision = start, ReturnPrevious = true }, Stop).GetAsyncEnumerator(Stop);
        Assert.True(await updates.MoveNextAsync());
        Assert.Equal(20, updates.Current.Events.Count);
        Assert.All(updates.Current.Events, static told => Assert.Equal(400_000, told.Previous!.Value.Length));
    }

    [Theory]
    [InlineData(Product.Etcd)]
    [InlineData(Product.Granary)]
    public async Task A_watch_of_what_is_compacted_says_so(Product product)
    {
        await using var server = await Server.Start(product, Stop);
        await using var client = new GranaryClient(server.Address);
        var first = (await client.PutAsync("a", "1", cancellationToken: Stop)).Revision;
        var last = (await client.PutAsync("a", "2", cancellationToken: Stop)).Revision;
        await client.CompactAsync(last, waitForRemoval: true, Stop);

        var compacted = await Assert.ThrowsAsync<CompactedException>(() => Take(client, 1, new WatchOptions { StartRevision = first }, KeyRange.All));
        Assert.Equal(last, compacted.CompactRevision);
        await Assert.ThrowsAsync<CompactedException>(() => client.RangeAsync("a", new RangeOptions { Revision = first }, Stop));
        await Assert.ThrowsAsync<CompactedException>(() => client.CompactAsync(last, cancellationToken: Stop));
    }

    [Theory]
    [InlineData(Way.Etcd)]
    [InlineData(Way.Granary)]
    [InlineData(Way.InCluster)]
    public async Task A_watch_that_is_given_up_ends_as_such(Way way)
    {
        await using var client = To(way);
        using var patience = new CancellationTokenSource();
        await using var updates = client.WatchAsync(Prefix, new WatchOptions { ReportProgress = true }, patience.Token).GetAsyncEnumerator(Stop);
        Assert.True(await updates.MoveNextAsync());
        var waiting = updates.MoveNextAsync().AsTask();
        await patience.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
    }

    [Theory]
    [InlineData(Product.Etcd)]
    [InlineData(Product.Granary)]
    public async Task No_event_is_lost_or_repeated_while_the_wire_is_cut_every_second(Product product)
    {
        const int Keys = 100;
        await using var proxy = TcpProxy.To(new Uri(Of(product).Address).Port);
        await using var direct = To(product);
        await using var client = new GranaryClient($"http://127.0.0.1:{proxy.Port}");
        var start = (await direct.PutAsync(Prefix, "start", cancellationToken: Stop)).Revision;
        List<(long Revision, string Key, string Value)> written = [(start, Prefix, "start")];
        List<(long Revision, string Key, string Value)> told = [];
        var count = 0;
        using var enough = CancellationTokenSource.CreateLinkedTokenSource(Stop);
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(Stop);
        var writing = Task.Run(Write, Stop);
        var watching = Task.Run(Watch, Stop);

        using var seconds = new PeriodicTimer(TimeSpan.FromSeconds(1));
        for (var cut = 0; cut < Cuts; cut++)
        {
            // Each time it is cut while events flow, once some have come over the new connection.
            var seen = Volatile.Read(ref count);
            await seconds.WaitForNextTickAsync(Stop);
            await Reaches(seen + 1);
            proxy.Set(TcpProxy.Wire.Cut);
            proxy.Set(TcpProxy.Wire.Whole);
        }

        await enough.CancelAsync();
        await writing;
        await Reaches(written.Count);
        await ending.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => watching);
        Assert.Equal(written, told);
        output.WriteLine($"{product}: {Cuts} cuts, {written.Count} events, all told once and in order.");

        // Two keys in each revision.
        async Task Write()
        {
            for (var number = 0; !enough.IsCancellationRequested; number++)
            {
                var (value, first, second) = ($"{number}", $"{Prefix}{number % Keys}a", $"{Prefix}{number % Keys}b");
                var revision = (await direct.Txn().Then(Op.Put(first, value), Op.Put(second, value)).CommitAsync(Stop)).Revision;
                written.Add((revision, first, value));
                written.Add((revision, second, value));
            }
        }

        async Task Watch()
        {
            await foreach (var update in client.WatchAsync(KeyRange.Prefix(Prefix), new WatchOptions { StartRevision = start }, ending.Token))
            {
                Assert.All(update.Events, one => Assert.True(one.Revision <= update.Revision));
                told.AddRange(update.Events.Select(static one => (one.Revision, one.Key.ToString(), one.Value.ToString())));
                Volatile.Write(ref count, told.Count);
            }
        }

        Task Reaches(int events) => Eventually.Holds(
            "the watch goes on",
            async () =>
            {
                if (watching.IsCompleted || writing.IsFaulted)
                {
                    await (watching.IsCompleted ? watching : writing);
                }

                return Volatile.Read(ref count) >= events;
            },
            Generous,
            Stop);
    }

    private Task<List<WatchEvent>> Take(GranaryClient client, int count, WatchOptions options) => Take(client, count, options, KeyRange.Prefix(Prefix));

    private static async Task<List<WatchEvent>> Take(GranaryClient client, int count, WatchOptions options, KeyRange range)
    {
        List<WatchEvent> events = [];
        await foreach (var update in client.WatchAsync(range, options, Stop))
        {
            events.AddRange(update.Events);
            if (events.Count >= count)
            {
                break;
            }
        }

        return events;
    }
}
