using Granary.Log.Commits;
using Granary.Log.Engines.Postgres;
using Granary.Protos;
using Granary.Storage.Replicas;
using Granary.Storage.Snapshots;
using Granary.Storage.Stores;
using Granary.Storage.Stores.Memory;
using Granary.Testing;
using Microsoft.Extensions.Logging.Abstractions;

namespace Granary.Log.Tests.Postgres;

/// <summary>A replica goes on from any base snapshot that is still there, and from none that is not.</summary>
public sealed class BaseSnapshotTests
{
    private static readonly string Value = new('v', 100_000);

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_replica_that_is_at_the_older_one_goes_on_from_it_and_one_from_before_begins_anew()
    {
        await using var postgres = await PostgresServer.Start(Stop);
        await using var server = Server.NotStarted(
            Product.Granary, "--engine=postgres", $"--postgres={postgres.ConnectionString()}", "--postgres-snapshot-bytes=500000");
        await server.StartAgain(Stop);
        using var database = PostgresStart.Open(new PostgresOptions { ConnectionString = postgres.ConnectionString() }, NullLogger.Instance, Stop);
        var before = await SeededBehind(0);
        var at = await SeededBehind(StateOf(before).AppliedIndex);
        var (leftBefore, leftAt) = (StateOf(before).AppliedIndex, StateOf(at).AppliedIndex);
        Assert.True(leftBefore < leftAt);
        await PutUntil(async () => await Scalar("SELECT min(index) FROM granary.log") >= leftAt);

        // Nobody writes any more.
        await server.Stop(Stop);
        var last = await Scalar("SELECT max(index) FROM granary.log");
        PostgresStart.Seed(database, at, anew: false, NullLogger.Instance, Stop);
        Assert.Equal(leftAt, StateOf(at).AppliedIndex);
        Assert.Equal(last, CaughtUp(at));

        Assert.Throws<PostgresBehindException>(() => CaughtUp(before));
        PostgresStart.Seed(database, before, anew: true, NullLogger.Instance, Stop);
        Assert.Equal(last, CaughtUp(before));

        // A store that has the next snapshot behind a record, and nothing behind that.
        async Task<MemoryStore> SeededBehind(long index)
        {
            await PutUntil(async () => await Scalar("SELECT coalesce(max(index), 0) FROM granary.snapshot") > index);
            var store = new MemoryStore();
            PostgresStart.Seed(database, store, anew: false, NullLogger.Instance, Stop);
            return store;
        }

        async Task PutUntil(Func<Task<bool>> isEnough)
        {
            var kv = new KV.KVClient(server.Channel);
            for (var i = 0; !await isEnough(); i++)
            {
                await kv.PutAsync(
                    new PutRequest { Key = Google.Protobuf.ByteString.CopyFromUtf8($"k{i % 7}"), Value = Google.Protobuf.ByteString.CopyFromUtf8($"{i}{Value}") },
                    cancellationToken: Stop);
            }
        }

        async Task<long> Scalar(string sql) => (long)(await postgres.Execute(sql, Stop))!;

        long CaughtUp(MemoryStore store)
        {
            var follower = new Follower(new Replica(store), NullLogger.Instance, Stop);
            follower.Begin();
            PostgresStart.CatchUp(database, follower, NullLogger.Instance, Stop);
            return follower.AppliedIndex;
        }
    }

    private static ReplicaState StateOf(MemoryStore store) => ReplicaCopy.StateOf((IStore)store)!;
}
