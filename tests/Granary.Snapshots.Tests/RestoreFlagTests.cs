using Google.Protobuf;
using Grpc.Core;

namespace Granary.Snapshots.Tests;

/// <summary>The flags of etcdutl's restore, beside what etcdutl makes of the same file.</summary>
public sealed class RestoreFlagTests : SnapshotTest
{
    private static readonly string[] Bump = ["--bump-revision", "1000", "--mark-compacted"];

    [Theory]
    [InlineData(Product.Etcd)]
    [InlineData(Product.Granary)]
    public async Task A_bumped_revision_is_that_of_etcdutl_and_what_is_before_it_is_compacted(Product source)
    {
        string file;
        long before;
        await using (var server = await Server.Start(source, Stop))
        {
            for (var i = 0; i < 20; i++)
            {
                await Put(server, $"key-{i % 7}", $"value-{i}");
            }

            await new KV.KVClient(server.Channel).DeleteRangeAsync(new DeleteRangeRequest { Key = Bytes("key-3") }, cancellationToken: Stop);
            before = (await All(server)).Header.Revision;
            file = await Save(server, "snapshot.db");
        }

        await using var etcd = await EtcdRestored(file, Bump);
        await using var granary = await GranaryOf(file, Bump);
        var (expected, actual) = (await All(etcd), await All(granary));
        Assert.Equal(before + 1000, actual.Header.Revision);
        Assert.Equal(expected.Header.Revision, actual.Header.Revision);
        Assert.Equal(expected.Kvs.Where(static pair => !pair.Key.IsEmpty), actual.Kvs);

        foreach (var revision in (long[])[before - 5, before, before + 500, before + 999, before + 1000])
        {
            Assert.Equal(await Refusal(etcd, revision), await Refusal(granary, revision));
            if (revision < before + 1000)
            {
                Assert.Equal(await EndOfWatch(etcd, revision), await EndOfWatch(granary, revision));
            }
        }

        // What comes next comes behind all that ever was, and is there after a restart.
        Assert.Equal((await Put(etcd, "key-1", "new")).Header.Revision, (await Put(granary, "key-1", "new")).Header.Revision);
        await granary.Kill(Stop);
        await granary.StartAgain(Stop);
        Assert.Equal((before + 1001, "new"), (await All(granary)).Kvs.Where(static pair => pair.Key == Bytes("key-1")).Select(static pair => (pair.ModRevision, pair.Value.ToStringUtf8())).Single());
        Assert.Equal(0, await granary.Stop(Stop));
        MustSucceed(await Tool.Granary(Stop, "check", granary.DataDirectory));
    }

    [Theory]
    [InlineData("--bump-revision 5")]
    [InlineData("--mark-compacted")]
    [InlineData("--bump-revision 0 --mark-compacted")]
    [InlineData("--bump-revision -1 --mark-compacted")]
    [InlineData("--name x")]
    [InlineData("--initial-cluster x=http://localhost:2380")]
    [InlineData("--name x --initial-cluster x=http://localhost:2380 --initial-advertise-peer-urls http://localhost:2399")]
    public async Task What_etcdutl_refuses_is_refused_and_nothing_is_made(string flags)
    {
        var file = await Small();
        var etcdutl = await Tool.Etcdutl(Stop, ["snapshot", "restore", file, "--data-dir", PathOf("etcd"), .. flags.Split(' ')]);
        var granary = await Tool.Granary(Stop, ["snapshot", "restore", file, "--data-dir", PathOf("granary"), .. flags.Split(' ')]);
        Assert.NotEqual(0, etcdutl.ExitCode);
        Assert.NotEqual(0, granary.ExitCode);
        Assert.StartsWith("granary: ", granary.Error, StringComparison.Ordinal);
        Assert.False(Directory.Exists(PathOf("granary")));
    }

    [Fact]
    public async Task Several_members_are_refused_and_one_is_told_how_to_serve()
    {
        var file = await Small();
        string[] Restore(string cluster) =>
            ["snapshot", "restore", file, "--data-dir", PathOf("data"), "--name", "x", "--initial-cluster", cluster, "--initial-advertise-peer-urls", "http://a:2380", "--initial-cluster-token", "t", "--wal-dir", "w"];
        var several = await Tool.Granary(Stop, Restore("x=http://a:2380,y=http://b:2380"));
        Assert.Equal(1, several.ExitCode);
        Assert.Contains("names 2 members", several.Error, StringComparison.Ordinal);
        Assert.False(Directory.Exists(PathOf("data")));

        var one = await Tool.Granary(Stop, Restore("x=http://a:2380"));
        MustSucceed(one);
        Assert.Contains("--wal-dir w has no meaning here", one.Error, StringComparison.Ordinal);
        Assert.Contains("--name x --initial-advertise-peer-urls http://a:2380", one.Error, StringComparison.Ordinal);
    }

    private async Task<string> Small()
    {
        await using var server = await Server.Start(Product.Granary, Stop, "--engine=memory");
        await Put(server, "a", "b");
        return await Save(server, "small.db");
    }

    private static async Task<string> Refusal(Server server, long revision)
    {
        try
        {
            return $"{(await All(server, revision)).Kvs.Count(static pair => !pair.Key.IsEmpty)} pairs";
        }
        catch (RpcException exception)
        {
            return exception.Status.Detail;
        }
    }

    private static async Task<string> EndOfWatch(Server server, long revision)
    {
        using var call = new Watch.WatchClient(server.Channel).Watch(cancellationToken: Stop);
        await call.RequestStream.WriteAsync(
            new WatchRequest { CreateRequest = new WatchCreateRequest { Key = Bytes("key"), RangeEnd = Bytes("kez"), StartRevision = revision } }, Stop);
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(Stop);
        deadline.CancelAfter(TimeSpan.FromSeconds(60));
        Assert.True(await call.ResponseStream.MoveNext(deadline.Token));
        Assert.True(await call.ResponseStream.MoveNext(deadline.Token));
        var second = call.ResponseStream.Current;
        return $"canceled {second.Canceled}, compacted {second.CompactRevision}, {second.Events.Count} events";
    }
}
