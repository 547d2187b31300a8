using System.Security.Cryptography;
using Google.Protobuf;
using Grpc.Core;

namespace Granary.Snapshots.Tests;

/// <summary>The Snapshot rpc itself: its framing, one state while others write, and nothing left behind by those who leave.</summary>
public sealed class SnapshotCallTests : SnapshotTest
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task Blobs_count_down_to_the_hash_of_all_of_them_which_comes_last()
    {
        await using var server = await Server.Start(Product.Granary, Stop);
        for (var i = 0; i < 10; i++)
        {
            await Put(server, $"key{i}", new string('v', 50_000));
        }

        using var call = new Maintenance.MaintenanceClient(server.Channel).Snapshot(new SnapshotRequest(), cancellationToken: Stop);
        var parts = new List<SnapshotResponse>();
        await foreach (var part in call.ResponseStream.ReadAllAsync(Stop))
        {
            parts.Add(part);
        }

        var database = parts.SkipLast(1).SelectMany(part => part.Blob).ToArray();
        var left = (ulong)database.Length;
        foreach (var part in parts.SkipLast(1))
        {
            left -= (ulong)part.Blob.Length;
            Assert.Equal(left, part.RemainingBytes);
            Assert.Null(part.Header);
            Assert.Matches(@"^3\.\d+\.\d+$", part.Version);
        }

        Assert.Equal(0UL, parts[^1].RemainingBytes);
        Assert.Equal(SHA256.HashData(database), parts[^1].Blob.ToByteArray());
        Assert.Equal(0, database.Length % 4096);
    }

    [Fact]
    public async Task A_snapshot_taken_while_others_write_is_of_one_revision()
    {
        await using var server = await Server.Start(Product.Granary, Stop);
        using var done = CancellationTokenSource.CreateLinkedTokenSource(Stop);
        var kv = new KV.KVClient(server.Channel);

        // Both keys of a pair always have the same value, the number of the txn that wrote them.
        var writing = Parallel.ForEachAsync(Enumerable.Range(0, 4), new ParallelOptions { MaxDegreeOfParallelism = 4, CancellationToken = Stop }, async (writer, token) =>
        {
            for (var i = 0; !done.IsCancellationRequested; i++)
            {
                var txn = new TxnRequest();
                txn.Success.Add(new RequestOp { RequestPut = new PutRequest { Key = Bytes($"left/{writer}/{i % 500}"), Value = Bytes($"{i}") } });
                txn.Success.Add(new RequestOp { RequestPut = new PutRequest { Key = Bytes($"right/{writer}/{i % 500}"), Value = Bytes($"{i}") } });
                await kv.TxnAsync(txn, cancellationToken: token);
            }
        });
        var files = new List<string>();
        for (var i = 0; i < 3; i++)
        {
            var before = (await All(server)).Header.Revision;
            await Eventually.Holds("some more was written", async () => (await All(server)).Header.Revision > before + 300, Deadline, Stop);
            files.Add(await Save(server, $"{i}.db"));
        }

        await done.CancelAsync();
        await writing;
        foreach (var file in files)
        {
            await using var restored = await GranaryOf(file);
            var there = await All(restored);
            Assert.Equal(there.Header.Revision, there.Kvs.Max(pair => pair.ModRevision));
            var values = there.Kvs.ToDictionary(pair => pair.Key.ToStringUtf8(), pair => (pair.Value, pair.ModRevision));
            Assert.NotEmpty(values);
            foreach (var (key, value) in values.Where(pair => pair.Key.StartsWith("left", StringComparison.Ordinal)))
            {
                Assert.Equal(value, values["right" + key["left".Length..]]);
            }

            await MustBeAlikeAt(server, restored, there.Header.Revision);
        }
    }

    [Fact]
    public async Task Clients_that_leave_in_the_middle_leave_no_file_and_no_state_behind()
    {
        await using var server = await Server.Start(Product.Granary, Stop);
        await Workload.Fill(server, 20_000, seed: 1, Stop);
        await Parallel.ForEachAsync(Enumerable.Range(0, 20), new ParallelOptions { MaxDegreeOfParallelism = 5, CancellationToken = Stop }, async (i, token) =>
        {
            using var leaving = CancellationTokenSource.CreateLinkedTokenSource(token);
            using var call = new Maintenance.MaintenanceClient(server.Channel).Snapshot(new SnapshotRequest(), cancellationToken: leaving.Token);
            if (i % 2 == 0)
            {
                Assert.True(await call.ResponseStream.MoveNext(token));
            }

            await leaving.CancelAsync();
            var left = await Assert.ThrowsAsync<RpcException>(async () =>
            {
                while (await call.ResponseStream.MoveNext(CancellationToken.None))
                {
                }
            });
            Assert.Equal(StatusCode.Cancelled, left.StatusCode);
        });
        await Eventually.Holds("no temporary file is open", () => Task.FromResult(!OpenFiles(server).Any(file => file.Contains("spool-", StringComparison.Ordinal))), Deadline, Stop);
        Assert.DoesNotContain(Directory.EnumerateFiles(server.DataDirectory), file => file.Contains("spool-", StringComparison.Ordinal));
        Assert.DoesNotContain("Exception", server.Log, StringComparison.Ordinal);
        await Save(server, "after.db");
    }

    private static async Task MustBeAlikeAt(Server server, Server restored, long revision)
    {
        var (expected, actual) = (await All(server, revision), await All(restored, revision));
        Assert.Equal(expected.Kvs, actual.Kvs);
    }

    private static IEnumerable<string> OpenFiles(Server server) =>
        Directory.EnumerateFileSystemEntries($"/proc/{server.ProcessId}/fd").Select(link => new FileInfo(link).LinkTarget ?? "");
}
