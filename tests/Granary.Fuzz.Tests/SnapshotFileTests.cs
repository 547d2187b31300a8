using System.Security.Cryptography;
using Google.Protobuf;
using Granary.Storage.Bolt;
using Granary.Storage.Replicas;
using Granary.Storage.Snapshots;
using Granary.Storage.Stores.Memory;
using Grpc.Core;

namespace Granary.Fuzz.Tests;

/// <summary>Snapshot files that were damaged: read and restored, or refused, in bounded time and memory.</summary>
public sealed class SnapshotFileTests : IDisposable
{
    private const int PageBytes = 4096;
    private const int HashBytes = 32;

    // Many times what the largest input takes to read: more is an allocation by a number in the file.
    private const long MaxAllocated = 256 << 20;

    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(20);

    private readonly string _file = Path.Combine(Path.GetTempPath(), $"granary-fuzz-{Guid.NewGuid():N}.db");

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public void Dispose() => File.Delete(_file);

    [Fact]
    public async Task Snapshot_files()
    {
        var seed = await Saved();
        await FuzzRun.Try(
            "snapshot files",
            mutator => new FuzzInput("status and restore", Changed(mutator, seed)),
            async input =>
            {
                await File.WriteAllBytesAsync(_file, input.Bytes, Stop);
                if (Refuses(() => SnapshotFile.VerifyHash(_file, null, Stop)) == input.Bytes.AsSpan().SequenceEqual(seed))
                {
                    Assert.Fail("the hash is not what decides");
                }

                await Task.Run(() => Use(bump: input.Bytes.Length % 2 == 0 ? 0UL : 1000), Stop).WaitAsync(Deadline, Stop);
            });
    }

    private void Use(ulong bump)
    {
        var before = GC.GetAllocatedBytesForCurrentThread();
        Refuses(() =>
        {
            using var snapshot = SnapshotFile.Open(_file);
            SnapshotStatus.Read(snapshot, null, Stop);
        });
        Refuses(() =>
        {
            using var snapshot = SnapshotFile.Open(_file);
            var store = new MemoryStore();
            SnapshotLoad.Run(snapshot, store, bump, authOff: false, null, Stop);

            // What was restored is what a server starts on.
            using var replica = new Replica(store);
            ReplicaCheck.Run(store, null, Stop);
        });
        var allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.True(allocated < MaxAllocated, $"{allocated >> 20} MiB were allocated");
    }

    /// <summary>Whether it is refused in the ways that the commands know.</summary>
    private static bool Refuses(Action use)
    {
        try
        {
            use();
            return false;
        }
        catch (Exception exception) when (exception is BoltDamagedException or SnapshotRefusedException)
        {
            return true;
        }
    }

    private static byte[] Changed(Mutator mutator, byte[] seed)
    {
        switch (mutator.Below(8))
        {
            case 0:
                return mutator.OneIn(4) ? seed : mutator.Mutate(seed);
            case 1:
                return SwapPages(mutator, seed);
            case 2 or 3:
                return mutator.Mutate(seed, grow: false);
            default:
                // The headers of pages and of their first elements, where the tree is.
                var bytes = (byte[])seed.Clone();
                for (var left = 1 + mutator.Below(3); left > 0; left--)
                {
                    var part = bytes.AsSpan(mutator.Below(bytes.Length / PageBytes) * PageBytes, mutator.Of([16, 64, 256, PageBytes]));
                    mutator.Mutate(part.ToArray(), grow: false).CopyTo(part);
                }

                return bytes;
        }
    }

    // Also with the number that the page has at its new place, so that nothing but the tree tells.
    private static byte[] SwapPages(Mutator mutator, byte[] seed)
    {
        var bytes = (byte[])seed.Clone();
        var pages = bytes.Length / PageBytes;
        var (from, to) = (mutator.Below(pages), mutator.Below(pages));
        seed.AsSpan(from * PageBytes, PageBytes).CopyTo(bytes.AsSpan(to * PageBytes));
        if (mutator.OneIn(2))
        {
            BitConverter.TryWriteBytes(bytes.AsSpan(to * PageBytes), (ulong)to);
        }

        return bytes;
    }

    /// <summary>A snapshot with everything that one can hold.</summary>
    private static async Task<byte[]> Saved()
    {
        await using var server = await Testing.Server.Start(Product.Granary, Stop, "--engine=memory", "--bcrypt-cost=4");
        var kv = new KV.KVClient(server.Channel);
        await new Protos.Lease.LeaseClient(server.Channel).LeaseGrantAsync(new LeaseGrantRequest { ID = 9, TTL = 1000 }, cancellationToken: Stop);
        for (var i = 0; i < 600; i++)
        {
            await kv.PutAsync(new PutRequest { Key = ByteString.CopyFromUtf8($"key{i % 400}"), Value = ByteString.CopyFrom(new byte[i % 90]), Lease = i % 7 == 0 ? 9 : 0 }, cancellationToken: Stop);
        }

        await kv.PutAsync(new PutRequest { Key = ByteString.CopyFromUtf8("large"), Value = ByteString.CopyFrom(new byte[9000]) }, cancellationToken: Stop);
        await kv.DeleteRangeAsync(new DeleteRangeRequest { Key = ByteString.CopyFromUtf8("key1"), RangeEnd = ByteString.CopyFromUtf8("key2") }, cancellationToken: Stop);
        await kv.CompactAsync(new CompactionRequest { Revision = 150 }, cancellationToken: Stop);
        var auth = new Auth.AuthClient(server.Channel);
        await auth.RoleAddAsync(new AuthRoleAddRequest { Name = "r" }, cancellationToken: Stop);
        await auth.UserAddAsync(new AuthUserAddRequest { Name = "ann", Password = "a" }, cancellationToken: Stop);
        await auth.UserGrantRoleAsync(new AuthUserGrantRoleRequest { User = "ann", Role = "r" }, cancellationToken: Stop);
        var maintenance = new Maintenance.MaintenanceClient(server.Channel);
        await maintenance.AlarmAsync(new AlarmRequest { Action = AlarmRequest.Types.AlarmAction.Activate, Alarm = AlarmType.Nospace }, cancellationToken: Stop);
        using var saved = new MemoryStream();
        using var snapshot = maintenance.Snapshot(new SnapshotRequest(), cancellationToken: Stop);
        await foreach (var part in snapshot.ResponseStream.ReadAllAsync(Stop))
        {
            part.Blob.WriteTo(saved);
        }

        var bytes = saved.ToArray();
        Assert.Equal(SHA256.HashData(bytes.AsSpan(0, bytes.Length - HashBytes)), bytes[^HashBytes..]);
        return bytes;
    }
}
