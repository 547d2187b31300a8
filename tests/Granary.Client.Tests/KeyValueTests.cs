using Grpc.Core;

namespace Granary.Client.Tests;

/// <summary>What is put is read, in every way that there is to read.</summary>
public sealed class KeyValueTests(BothServers servers) : ClientTest(servers)
{
    [Theory]
    [InlineData(Way.Etcd)]
    [InlineData(Way.Granary)]
    [InlineData(Way.InCluster)]
    public async Task What_is_put_is_got_until_it_is_deleted(Way way)
    {
        await using var client = To(way);
        var key = Prefix + "a";
        Assert.Null(await client.GetAsync(key, Stop));

        var first = await client.PutAsync(key, "one", cancellationToken: Stop);
        var second = await client.PutAsync(key, "two", new PutOptions { ReturnPrevious = true }, Stop);
        Assert.Null(first.Previous);
        Assert.Equal("one", second.Previous!.Value.ToString());

        var found = await client.GetAsync(key, Stop);
        Assert.Equal(
            new KeyValue { Key = key, Value = "two", CreateRevision = first.Revision, ModRevision = second.Revision, Version = 2, LeaseId = 0 },
            found);

        var deleted = await client.DeleteAsync(key, new DeleteOptions { ReturnPrevious = true }, Stop);
        Assert.Equal((1, "two"), (deleted.Deleted, deleted.Previous[0].Value.ToString()));
        Assert.Null(await client.GetAsync(key, Stop));
        Assert.Equal(0, (await client.DeleteAsync(key, cancellationToken: Stop)).Deleted);
    }

    [Theory]
    [InlineData(Way.Etcd)]
    [InlineData(Way.Granary)]
    [InlineData(Way.InCluster)]
    public async Task A_range_is_read_by_every_option(Way way)
    {
        await using var client = To(way);
        var revisions = new List<long>();
        foreach (var (key, value) in new[] { ("a", "3"), ("b", "1"), ("c", "2"), ("b", "1") })
        {
            revisions.Add((await client.PutAsync(Prefix + key, value, cancellationToken: Stop)).Revision);
        }

        Assert.Equal("a b c", await Read(new RangeOptions()));
        Assert.Equal("a b", await Read(new RangeOptions { Limit = 2 }));
        Assert.Equal("c b a", await Read(new RangeOptions { Descending = true }));
        Assert.Equal("b c a", await Read(new RangeOptions { SortBy = SortTarget.Value }));
        Assert.Equal("b c a", await Read(new RangeOptions { SortBy = SortTarget.ModRevision, Descending = true }));
        Assert.Equal("a b c", await Read(new RangeOptions { SortBy = SortTarget.CreateRevision }));
        Assert.Equal("b", await Read(new RangeOptions { SortBy = SortTarget.Version, Descending = true, Limit = 1 }));
        Assert.Equal("a b", await Read(new RangeOptions { Revision = revisions[1] }));
        Assert.Equal("b c", await Read(new RangeOptions { MinCreateRevision = revisions[1] }));
        Assert.Equal("a b", await Read(new RangeOptions { MaxCreateRevision = revisions[1] }));
        Assert.Equal("b", await Read(new RangeOptions { MinModRevision = revisions[3] }));
        Assert.Equal("a c", await Read(new RangeOptions { MaxModRevision = revisions[2] }));
        Assert.Equal("a b c", await Read(new RangeOptions { IsSerializable = true }));

        var keys = await client.RangeAsync(KeyRange.Prefix(Prefix), new RangeOptions { KeysOnly = true, Limit = 1 }, Stop);
        Assert.Equal((true, true, 3), (keys.KeyValues[0].Value.IsEmpty, keys.HasMore, keys.Count));
        var counted = await client.RangeAsync(KeyRange.Prefix(Prefix), new RangeOptions { CountOnly = true }, Stop);
        Assert.Equal((0, 3), (counted.KeyValues.Count, counted.Count));

        async Task<string> Read(RangeOptions options) =>
            string.Join(' ', (await client.RangeAsync(KeyRange.Prefix(Prefix), options, Stop)).KeyValues.Select(pair => pair.Key.ToString()[Prefix.Length..]));
    }

    [Theory]
    [InlineData(Way.Etcd)]
    [InlineData(Way.Granary)]
    [InlineData(Way.InCluster)]
    public async Task Pages_are_all_of_one_revision(Way way)
    {
        await using var client = To(way);
        for (var i = 0; i < 50; i++)
        {
            await client.PutAsync($"{Prefix}{i:00}", "before", cancellationToken: Stop);
        }

        var seen = new List<string>();
        await foreach (var pair in client.EnumerateAsync(KeyRange.Prefix(Prefix), pageSize: 7, cancellationToken: Stop))
        {
            seen.Add($"{pair.Key.ToString()[Prefix.Length..]}={pair.Value}");
            if (seen.Count == 3)
            {
                await client.PutAsync(Prefix + "20", "since", cancellationToken: Stop);
                await client.PutAsync(Prefix + "new", "since", cancellationToken: Stop);
                await client.DeleteAsync(Prefix + "30", cancellationToken: Stop);
            }
        }

        Assert.Equal(Enumerable.Range(0, 50).Select(i => $"{i:00}=before"), seen);

        var first = (await client.GetAsync(Prefix + "00", Stop))!.ModRevision;
        var then = 0;
        await foreach (var pair in client.EnumerateAsync(KeyRange.Prefix(Prefix), first + 9, pageSize: 4, Stop))
        {
            Assert.Equal($"{Prefix}{then++:00}", pair.Key.ToString());
        }

        Assert.Equal(10, then);
    }

    [Theory]
    [InlineData(Way.Etcd)]
    [InlineData(Way.Granary)]
    [InlineData(Way.InCluster)]
    public async Task What_the_server_refuses_is_told_by_its_words(Way way)
    {
        await using var client = To(way);
        var empty = await Assert.ThrowsAsync<GranaryException>(() => client.PutAsync("", "value", cancellationToken: Stop));
        Assert.Equal((StatusCode.InvalidArgument, "etcdserver: key is not provided", false), (empty.StatusCode, empty.Message, empty.MayHaveHappened));

        var missing = await Assert.ThrowsAsync<GranaryException>(() => client.PutAsync(Prefix, "value", new PutOptions { LeaseId = 12345 }, Stop));
        Assert.Equal((StatusCode.NotFound, "etcdserver: requested lease not found"), (missing.StatusCode, missing.Message));

        var future = await Assert.ThrowsAsync<GranaryException>(() => client.RangeAsync(Prefix, new RangeOptions { Revision = long.MaxValue }, Stop));
        Assert.Equal((StatusCode.OutOfRange, "etcdserver: mvcc: required revision is a future revision"), (future.StatusCode, future.Message));
    }

    [Theory]
    [InlineData(Way.Etcd)]
    [InlineData(Way.Granary)]
    [InlineData(Way.InCluster)]
    public async Task A_value_larger_than_a_message_of_grpc_by_default_comes_back(Way way)
    {
        await using var client = To(way);
        var value = new byte[1_400_000];
        Random.Shared.NextBytes(value);
        for (var i = 0; i < 5; i++)
        {
            await client.PutAsync($"{Prefix}{i}", value, cancellationToken: Stop);
        }

        var all = await client.RangeAsync(KeyRange.Prefix(Prefix), cancellationToken: Stop);
        Assert.All(all.KeyValues, pair => Assert.Equal<Bytes>(value, pair.Value));
        Assert.Equal(5, all.KeyValues.Count);
        await client.DeleteAsync(KeyRange.Prefix(Prefix), cancellationToken: Stop);
    }

    [Theory]
    [InlineData(Way.Etcd)]
    [InlineData(Way.Granary)]
    [InlineData(Way.InCluster)]
    public async Task A_call_that_is_given_up_ends_as_such(Way way)
    {
        await using var client = To(way);
        using var patience = new CancellationTokenSource();
        await patience.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => client.GetAsync(Prefix, patience.Token));
    }
}
