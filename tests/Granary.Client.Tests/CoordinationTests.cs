namespace Granary.Client.Tests;

/// <summary>Locks have one holder, and elections one leader.</summary>
public sealed class CoordinationTests(BothServers servers) : ClientTest(servers)
{
    [Theory]
    [InlineData(Way.Etcd)]
    [InlineData(Way.Granary)]
    [InlineData(Way.InCluster)]
    public async Task A_lock_has_one_holder_at_a_time_and_a_fencing_revision_that_grows(Way way)
    {
        await using var client = To(way);
        var holders = 0;
        var revisions = new List<long>();
        await Task.WhenAll(Enumerable.Range(0, 12).Select(async _ =>
        {
            await using var held = await client.LockAsync(Prefix, cancellationToken: Stop);
            Assert.Equal(1, Interlocked.Increment(ref holders));
            revisions.Add(held.Revision);
            Assert.True((await client.Txn().If(When.Exists(held.Key)).CommitAsync(Stop)).HasSucceeded);
            Assert.Equal(0, Interlocked.Decrement(ref holders));
        }));
        Assert.Equal(revisions.Order(), revisions);
        Assert.Equal(12, revisions.Distinct().Count());
        Assert.Equal(0, (await client.RangeAsync(KeyRange.Prefix(Prefix), cancellationToken: Stop)).Count);
    }

    [Theory]
    [InlineData(Way.Etcd)]
    [InlineData(Way.Granary)]
    [InlineData(Way.InCluster)]
    public async Task Who_tries_a_lock_that_is_held_waits_not_and_who_gives_up_leaves_the_queue(Way way)
    {
        await using var client = To(way);
        await using (var held = await client.TryLockAsync(Prefix, cancellationToken: Stop))
        {
            Assert.NotNull(held);
            Assert.Null(await client.TryLockAsync(Prefix, cancellationToken: Stop));

            using var patience = CancellationTokenSource.CreateLinkedTokenSource(Stop);
            var waiting = client.LockAsync(Prefix, cancellationToken: patience.Token);
            await Eventually.Holds("it waits", async () => (await Waiting()) == 2, Generous, Stop);
            await patience.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
            Assert.Equal(1, await Waiting());
        }

        await using var next = await client.TryLockAsync(Prefix, cancellationToken: Stop);
        Assert.NotNull(next);

        async Task<long> Waiting() => (await client.RangeAsync(KeyRange.Prefix(Prefix), cancellationToken: Stop)).Count;
    }

    [Theory]
    [InlineData(Product.Etcd)]
    [InlineData(Product.Granary)]
    public async Task A_lock_of_etcdctl_is_waited_for(Product product)
    {
        await using var client = To(product);
        using var other = Tool.StartEtcdctl(Of(product), "lock", Prefix);
        Assert.NotNull(await other.StandardOutput.ReadLineAsync(Stop));
        var waiting = client.LockAsync(Prefix, cancellationToken: Stop);
        await Eventually.Holds(
            "it waits", async () => (await client.RangeAsync(KeyRange.Prefix(Prefix), cancellationToken: Stop)).Count == 2, Generous, Stop);
        Assert.False(waiting.IsCompleted);

        Assert.True(Signals.TrySend(other.Id, Signals.Terminate));
        await using var held = await waiting.WaitAsync(Generous, Stop);
        Assert.Equal(1, (await client.RangeAsync(KeyRange.Prefix(Prefix), cancellationToken: Stop)).Count);
        await other.WaitForExitAsync(Stop);
    }

    [Theory]
    [InlineData(Way.Etcd)]
    [InlineData(Way.Granary)]
    [InlineData(Way.InCluster)]
    public async Task A_lock_that_is_lost_says_so_and_who_waits_without_a_lease_ends(Way way)
    {
        await using var client = To(way);
        await using var held = await client.LockAsync(Prefix, TimeSpan.FromSeconds(2), Stop);
        var waiting = client.LockAsync(Prefix, TimeSpan.FromSeconds(2), Stop);
        await Eventually.Holds("it waits", async () => (await Keys()).Count == 2, Generous, Stop);
        await client.RevokeLeaseAsync((await Keys())[1].LeaseId, Stop);
        await Assert.ThrowsAsync<LeaseLostException>(() => waiting);

        await client.RevokeLeaseAsync((await Keys())[0].LeaseId, Stop);
        await Eventually.Holds("it is lost", () => Task.FromResult(held.Lost.IsCancellationRequested), Generous, Stop);
        Assert.False((await client.Txn().If(When.Exists(held.Key)).CommitAsync(Stop)).HasSucceeded);

        async Task<IReadOnlyList<KeyValue>> Keys() =>
            (await client.RangeAsync(KeyRange.Prefix(Prefix), new RangeOptions { SortBy = SortTarget.CreateRevision }, Stop)).KeyValues;
    }

    [Theory]
    [InlineData(Way.Etcd)]
    [InlineData(Way.Granary)]
    [InlineData(Way.InCluster)]
    public async Task An_election_has_one_leader_and_all_see_who_it_is(Way way)
    {
        await using var client = To(way);
        Assert.Null(await client.GetLeaderAsync(Prefix, Stop));
        await using var seen = client.ObserveLeaderAsync(Prefix, Stop).GetAsyncEnumerator(Stop);
        Assert.True(await seen.MoveNextAsync());
        Assert.Null(seen.Current);

        var first = await client.CampaignAsync(Prefix, "first", cancellationToken: Stop);
        Assert.Equal("first", await Next());
        var second = client.CampaignAsync(Prefix, "second", cancellationToken: Stop);
        await first.ProclaimAsync("first, still", Stop);
        Assert.Equal("first, still", await Next());
        Assert.Equal(first.Key, (await client.GetLeaderAsync(Prefix, Stop))!.Key);
        Assert.False(second.IsCompleted);

        await first.DisposeAsync();
        await using var next = await second.WaitAsync(Generous, Stop);
        Assert.True(next.Revision > first.Revision);
        Assert.Equal("second", await Next());
        await Assert.ThrowsAsync<LeaseLostException>(() => first.ProclaimAsync("again", Stop));
        Assert.Equal("second", (await client.GetLeaderAsync(Prefix, Stop))!.Value.ToString());

        // Whether nobody led in between is seen or not.
        async Task<string> Next()
        {
            do
            {
                Assert.True(await seen.MoveNextAsync());
            }
            while (seen.Current is null);

            return seen.Current.Value.ToString();
        }
    }
}
