using Google.Protobuf;
using Grpc.Core;

namespace Granary.Cluster.Tests.Postgres;

/// <summary>
/// What has gone wrong with several members of etcd, each by the number of its issue. A leader that was paused and served stale reads (20418) is in
/// <see cref="PostgresFailoverTests"/>, snapshots that are taken over one after the other (18055) in <see cref="PostgresTroubleTests"/>.
/// </summary>
public sealed class PostgresPitfallTests : PostgresTest
{
    private const int Members = 3;

    private static readonly ByteString Key = ByteString.CopyFromUtf8("k");

    /// <summary>A write that was refused did not count on one member, which lay behind the others from then on.</summary>
    [Fact]
    public async Task Issue_14571_what_authentication_refuses_counts_the_same_on_all_members()
    {
        const int times = 6;
        var servers = await Start("--bcrypt-cost=4");
        var auth = new Auth.AuthClient(servers[0].Channel);
        await auth.UserAddAsync(new AuthUserAddRequest { Name = "root", Password = "r" }, cancellationToken: Stop);
        await auth.RoleAddAsync(new AuthRoleAddRequest { Name = "root" }, cancellationToken: Stop);
        await auth.UserGrantRoleAsync(new AuthUserGrantRoleRequest { User = "root", Role = "root" }, cancellationToken: Stop);

        using var ending = CancellationTokenSource.CreateLinkedTokenSource(Stop);
        var refused = 0;
        var written = new int[servers.Length];
        var writers = servers.Select(Write).ToList();
        for (var i = 0; i < times; i++)
        {
            var before = refused;
            await auth.AuthEnableAsync(new AuthEnableRequest(), cancellationToken: Stop);
            await Eventually.Holds("writes are refused", () => Task.FromResult(refused > before + 10), Generous, Stop);
            var token = (await auth.AuthenticateAsync(new AuthenticateRequest { Name = "root", Password = "r" }, cancellationToken: Stop)).Token;
            await auth.AuthDisableAsync(new AuthDisableRequest(), new Metadata { { "token", token } }, cancellationToken: Stop);
            var then = written.ToArray();
            await Eventually.Holds("everybody writes", () => Task.FromResult(written.Zip(then).All(static pair => pair.First > pair.Second)), Generous, Stop);
        }

        await ending.CancelAsync();
        await Task.WhenAll(writers);
        await AreAlike(servers);

        async Task Write(Server server, int place)
        {
            while (!ending.IsCancellationRequested)
            {
                try
                {
                    await Put(server, "k", "v");
                    written[place]++;
                }
                catch (RpcException exception) when (exception.Status.Detail == "etcdserver: user name is empty")
                {
                    Interlocked.Increment(ref refused);
                }
            }
        }
    }

    /// <summary>A member that had been parted from the others told a watcher of what it had been told before.</summary>
    [Fact]
    public async Task Issue_15271_a_watch_that_moves_to_a_member_that_is_behind_hears_nothing_twice()
    {
        await using var group = await PostgresGroup.Start(2, hasWires: true, Stop);
        var (leader, behind) = (group.Servers[0], group.Servers[1]);
        var seen = await Put(leader, "k", "1");
        Assert.Equal("1", (await Get(behind, "k"))!.Value.ToStringUtf8());

        // It hears neither the leader nor the database.
        TcpProxy[] wires = [group.PeerWireOf(leader), group.PeerWireOf(behind), group.WireOf(behind)];
        Array.ForEach(wires, static wire => wire.Set(TcpProxy.Wire.Cut));
        for (var i = 2; i <= 10; i++)
        {
            seen = await Put(leader, "k", i.ToString(System.Globalization.CultureInfo.InvariantCulture));
        }

        Assert.Equal("1", (await Get(behind, "k", isSerializable: true))!.Value.ToStringUtf8());
        using var watch = new Watch.WatchClient(behind.Channel).Watch(cancellationToken: Stop);
        await watch.RequestStream.WriteAsync(
            new WatchRequest { CreateRequest = new WatchCreateRequest { Key = Key, StartRevision = seen + 1, ProgressNotify = true } }, Stop);
        Assert.True(await watch.ResponseStream.MoveNext(Stop) && watch.ResponseStream.Current.Created);
        var next = watch.ResponseStream.MoveNext(Stop);
        await Put(leader, "k", "11");
        Array.ForEach(wires, static wire => wire.Set(TcpProxy.Wire.Whole));
        Assert.True(await next);
        Assert.Equal((seen + 1, "11"), (Assert.Single(watch.ResponseStream.Current.Events).Kv.ModRevision, watch.ResponseStream.Current.Events[0].Kv.Value.ToStringUtf8()));
    }

    /// <summary>A txn that read an old revision came to something else where a compaction had been carried out already.</summary>
    [Fact]
    public async Task Issue_18667_a_txn_that_reads_an_old_revision_comes_to_the_same_everywhere_beside_compactions()
    {
        const int revisions = 200;
        var servers = await Start();
        for (var i = 0; i < revisions; i++)
        {
            await Put(servers[i % Members], "k", "v");
        }

        for (long compacted = 20; compacted <= revisions; compacted += 20)
        {
            var compaction = new KV.KVClient(servers[compacted / 20 % Members].Channel).CompactAsync(new CompactionRequest { Revision = compacted }, cancellationToken: Stop).ResponseAsync;
            await Task.WhenAll(servers.SelectMany(server => ((long[])[compacted - 5, compacted, compacted + 5]).Select(revision => Txn(server, revision))));
            await compaction;
            foreach (var server in servers)
            {
                Assert.Equal("etcdserver: mvcc: required revision has been compacted", await Txn(server, compacted - 1));
                Assert.Equal("", await Txn(server, compacted));
            }
        }

        await AreAlike(servers);

        // It writes only if it may read.
        static async Task<string> Txn(Server server, long revision)
        {
            var txn = new TxnRequest
            {
                Success =
                {
                    new RequestOp { RequestRange = new RangeRequest { Key = Key, Revision = revision } },
                    new RequestOp { RequestPut = new PutRequest { Key = ByteString.CopyFromUtf8("read"), Value = ByteString.CopyFromUtf8($"{revision}") } },
                },
            };
            try
            {
                await new KV.KVClient(server.Channel).TxnAsync(txn, cancellationToken: Stop);
                return "";
            }
            catch (RpcException exception)
            {
                return exception.Status.Detail;
            }
        }
    }

    private async Task<Server[]> Start(params string[] flags) => [await Leader(flags), await Follower(flags), await Follower(flags)];

    /// <summary>All have the same records, and come to the same by them.</summary>
    private static async Task AreAlike(Server[] servers)
    {
        var revision = await Put(servers[0], "last", "");
        var states = new List<(ulong, uint)>();
        foreach (var server in servers)
        {
            // A read through a member waits until it has all.
            await Get(server, "last");
            var maintenance = new Maintenance.MaintenanceClient(server.Channel);
            states.Add((
                (await maintenance.StatusAsync(new StatusRequest(), cancellationToken: Stop)).RaftAppliedIndex,
                (await maintenance.HashKVAsync(new HashKVRequest { Revision = revision }, cancellationToken: Stop)).Hash));
        }

        Assert.Single(states.Distinct());
    }
}
