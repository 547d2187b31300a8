namespace Granary.Client.Tests;

/// <summary>A txn reads like its condition.</summary>
public sealed class TxnTests(BothServers servers) : ClientTest(servers)
{
    [Theory]
    [InlineData(Way.Etcd)]
    [InlineData(Way.Granary)]
    [InlineData(Way.InCluster)]
    public async Task Every_condition_holds_when_it_is_true_and_not_otherwise(Way way)
    {
        await using var client = To(way);
        var key = Prefix + "a";
        await using var lease = await client.GrantLeaseAsync(TimeSpan.FromSeconds(60), Stop);
        var created = (await client.PutAsync(key, "m", cancellationToken: Stop)).Revision;
        var changed = (await client.PutAsync(key, "m", new PutOptions { LeaseId = lease.Id }, Stop)).Revision;

        (Condition Condition, bool Holds)[] conditions =
        [
            (When.Version(key) == 2, true), (When.Version(key) != 2, false), (When.Version(key) > 1, true), (When.Version(key) < 2, false),
            (When.CreateRevision(key) == created, true), (When.CreateRevision(key) > created, false),
            (When.ModRevision(key) == changed, true), (When.ModRevision(key) < changed, false), (When.ModRevision(key) != created, true),
            (When.LeaseId(key) == lease.Id, true), (When.LeaseId(key) == 0, false),
            (When.Value(key) == "m", true), (When.Value(key) != "m", false), (When.Value(key) > "a", true), (When.Value(key) < "a", false),
            (When.Exists(key), true), (When.IsMissing(key), false), (When.IsMissing(Prefix + "b"), true), (When.Exists(Prefix + "b"), false),
            (When.Version(KeyRange.Prefix(Prefix)) > 0, true), (When.Value(Prefix + "b") != "x", false),
        ];
        foreach (var (condition, holds) in conditions)
        {
            var done = await client.Txn().If(condition).CommitAsync(Stop);
            Assert.True(done.HasSucceeded == holds, $"{condition}: {done.HasSucceeded}");
        }

        var all = await client.Txn().If([.. conditions.Where(static one => one.Holds).Select(static one => one.Condition)]).CommitAsync(Stop);
        Assert.True(all.HasSucceeded);
    }

    [Theory]
    [InlineData(Way.Etcd)]
    [InlineData(Way.Granary)]
    [InlineData(Way.InCluster)]
    public async Task One_side_is_done_in_one_step_and_told_of(Way way)
    {
        await using var client = To(way);
        var (a, b) = (Prefix + "a", Prefix + "b");
        await client.PutAsync(b, "old", cancellationToken: Stop);

        var first = await client.Txn()
            .If(When.IsMissing(a))
            .Then(
                Op.Put(a, "1"),
                Op.Delete(b, new DeleteOptions { ReturnPrevious = true }),
                Op.Range(KeyRange.Prefix(Prefix)),
                Op.Txn([When.Exists(b)], [Op.Put(Prefix + "c", "nested")], []))
            .Else(Op.Range(a))
            .CommitAsync(Stop);
        Assert.True(first.HasSucceeded);
        Assert.Equal("old", first.Results[1].Delete!.Previous[0].Value.ToString());
        Assert.Equal([a], first.Results[2].Range!.KeyValues.Select(static pair => pair.Key.ToString()));
        Assert.True(first.Results[3].Txn!.HasSucceeded);
        Assert.Equal(first.Revision, (await client.GetAsync(a, Stop))!.ModRevision);
        Assert.Equal(first.Revision, (await client.GetAsync(Prefix + "c", Stop))!.ModRevision);

        var second = await client.Txn().If(When.IsMissing(a)).Then(Op.Put(a, "2")).Else(Op.Range(a)).CommitAsync(Stop);
        Assert.False(second.HasSucceeded);
        Assert.Equal("1", second.Results[0].Range!.KeyValues[0].Value.ToString());
    }
}
