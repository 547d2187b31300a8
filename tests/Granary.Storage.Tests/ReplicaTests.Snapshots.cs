using CsCheck;
using Google.Protobuf;
using Granary.Model;
using Granary.Mvcc.Evaluation;
using Granary.Mvcc.Keys;
using Granary.Protos;
using Granary.Storage.Replicas;
using Granary.Storage.Snapshots;
using Granary.Storage.Snapshots.Ordering;
using Granary.Storage.Stores;

namespace Granary.Storage.Tests;

public abstract partial class ReplicaTests
{
    // So little that a few pairs make many runs, and everything goes through files.
    private static readonly OrderingMemory Little = new(Parts: 3, RunBytes: 300, SpoolBytes: 64, MergeBytes: 1);

    private static readonly SnapshotMember Member = new(0xabc, "one", ["http://localhost:2380"], ["http://localhost:2379"]);

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public void A_restored_snapshot_of_a_random_history_reads_and_is_watched_as_the_original() =>
        Gen.Select(RandomRequests.Write.Array[1, 40], RandomRequests.Range.Array[6], Gen.Long[0, 30].Array[40], Gen.Int[1, 5], Gen.Bool).Sample(
            (writes, ranges, compactions, eventsPerStep, little) =>
            {
                using var place = new StorePlace(onDisk);
                using var restoredPlace = new StorePlace(onDisk);
                using var replica = new Replica(place.Open());
                var history = RandomHistory(replica, writes, compactions, eventsPerStep);
                var file = Export(replica, little ? Little : OrderingMemory.Default);
                try
                {
                    using (var store = restoredPlace.Open())
                    {
                        using var snapshot = SnapshotFile.Open(file);
                        var counts = SnapshotLoad.Run(snapshot, store, bump: 0, authOff: false, null, Stop);
                        Assert.Equal((replica.State.Revision, replica.State.CompactedRevision, 0), (counts.Revision, counts.CompactedRevision, counts.Gaps));
                        if (!onDisk)
                        {
                            MustBeAlike(replica, store, ranges, history.Model.Revision);
                        }
                    }

                    if (onDisk)
                    {
                        using var store = restoredPlace.Open();
                        MustBeAlike(replica, store, ranges, history.Model.Revision);
                    }
                }
                finally
                {
                    File.Delete(file);
                }
            }, iter: Iterations / 2, threads: 2);

    [Fact]
    public void Every_entry_that_is_lost_or_wrongly_there_is_found_by_a_check() =>
        Gen.Select(RandomRequests.Write.Array[5, 40], Gen.Long[0, 30].Array[40], Gen.Int[0, 1 << 20], Gen.Bool).Sample(
            (writes, compactions, victim, puts) =>
            {
                using var place = new StorePlace(onDisk);
                var store = place.Open();
                using var replica = new Replica(store);
                RandomHistory(replica, writes, compactions, eventsPerStep: 1000);
                var sound = ReplicaCheck.Run(store, null, Stop);
                Assert.True(sound.Found == 0, string.Join('\n', sound.Findings));

                var entries = MeaningfulEntries(store, replica.State.CompactedRevision);
                if (entries.Count == 0)
                {
                    return;
                }

                var (family, key, value) = entries[victim % entries.Count];
                using (var batch = store.CreateBatch())
                {
                    if (puts)
                    {
                        batch.Put(family, [.. key, 7, 7], value);
                    }
                    else
                    {
                        batch.Delete(family, key);
                    }

                    store.Write(batch);
                }

                var check = ReplicaCheck.Run(store, null, Stop);
                Assert.True(check.Found > 0, $"{family} {Convert.ToHexString(key)} was {(puts ? "copied" : "removed")} unseen");
                Assert.NotEmpty(check.Findings);
            }, iter: Iterations);

    // What a lease of that id deletes, once there is one, is what names it: both must be known in the same way.
    [Fact]
    public void A_key_whose_lease_is_not_in_the_snapshot_is_attached_to_its_id()
    {
        using var place = new StorePlace(onDisk);
        using var restoredPlace = new StorePlace(onDisk);
        var original = place.Open();
        using var replica = new Replica(original);
        var history = new History(replica);
        history.Write(new LeaseGrantRequest { ID = 9, TTL = 60 });
        history.Write(new PutRequest { Key = ByteString.CopyFromUtf8("x"), Lease = 9 });
        using (var batch = original.CreateBatch())
        {
            batch.Delete(Family.Leases, [0, 0, 0, 0, 0, 0, 0, 9]);
            original.Write(batch);
        }

        history.Write(Put("y", "1"));
        var file = Export(replica, OrderingMemory.Default);
        using var store = restoredPlace.Open();
        using (var snapshot = SnapshotFile.Open(file))
        {
            Assert.Equal(0, SnapshotLoad.Run(snapshot, store, bump: 0, authOff: false, null, Stop).Leases);
        }

        File.Delete(file);
        var check = ReplicaCheck.Run(store, null, Stop);
        Assert.True(check.Found == 0, string.Join('\n', check.Findings));
        using var restored = new Replica(store);
        using var view = restored.View();
        Assert.Equal([ByteString.CopyFromUtf8("x")], view.AttachedKeys(9));
    }

    [Fact]
    public void Alarms_stay_up_through_a_snapshot()
    {
        using var place = new StorePlace(onDisk);
        using var restoredPlace = new StorePlace(onDisk);
        using var replica = new Replica(place.Open());
        new History(replica).Write(Put("a", "1"));
        foreach (var alarm in (AlarmRecord[])[new(300, AlarmType.Corrupt, true), new(7, AlarmType.Nospace, true), new(300, AlarmType.Nospace, true)])
        {
            replica.Apply(replica.State.AppliedIndex + 1, alarm);
            replica.Publish();
        }

        var file = Export(replica, OrderingMemory.Default);
        using var store = restoredPlace.Open();
        using (var snapshot = SnapshotFile.Open(file))
        {
            Assert.Equal(3, SnapshotLoad.Run(snapshot, store, bump: 0, authOff: false, null, Stop).Alarms);
        }

        File.Delete(file);
        using var restored = new Replica(store);
        Assert.Equal(replica.State.Alarms.ToHashSet(), restored.State.Alarms.ToHashSet());
    }

    [Fact]
    public void Pairs_that_are_read_in_parts_come_out_as_if_read_in_one()
    {
        using var place = new StorePlace(onDisk);
        var store = place.Open();
        using var replica = new Replica(store);
        var history = new History(replica);
        var random = new Random(1);
        for (var i = 0; i < 3000; i++)
        {
            // Keys with zero bytes, which the history escapes; some keys many times.
            history.Write(Put($"{random.Next(300)}\0{random.Next(3)}", $"{i}"));
            if (i % 500 == 0)
            {
                store.Flush();
            }
        }

        store.Flush();
        store.Reclaim(Family.Latest);
        var whole = Export(replica, OrderingMemory.Default with { Parts = 1 });
        var inParts = Export(replica, Little with { Parts = 8 });
        Assert.Equal(File.ReadAllBytes(whole), File.ReadAllBytes(inParts));
        File.Delete(whole);
        File.Delete(inParts);
        using var held = replica.View();
        Assert.NotEmpty(KeyParts.Cut(held.Snapshot, 4));
    }

    [Fact]
    public void A_store_that_a_restore_left_unfinished_is_no_replica()
    {
        using var place = new StorePlace(onDisk);
        using var restoredPlace = new StorePlace(onDisk);
        using var replica = new Replica(place.Open());
        new History(replica).Write(Put("a", "1"));
        var file = Export(replica, OrderingMemory.Default);
        using var store = restoredPlace.Open();
        using (var snapshot = SnapshotFile.Open(file))
        {
            Assert.Throws<OperationCanceledException>(() => SnapshotLoad.Run(snapshot, store, bump: 0, authOff: false, _ => throw new OperationCanceledException(), Stop));
        }

        File.Delete(file);
        Assert.Contains("interrupted restore", Assert.Throws<InvalidDataException>(() => new Replica(store)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_snapshot_that_was_changed_or_cut_anywhere_is_refused_or_restored_and_no_more() =>
        Gen.Select(RandomRequests.Write.Array[10, 30], Gen.Int[0, 1 << 20].Array[60], Gen.Byte[1, 255]).Sample(
            (writes, places, change) =>
            {
                using var replica = new Replica(new Stores.Memory.MemoryStore());
                RandomHistory(replica, writes, new long[writes.Length], 10);
                var file = Export(replica, OrderingMemory.Default);
                var bytes = File.ReadAllBytes(file);
                foreach (var place in places)
                {
                    var at = place % bytes.Length;
                    bytes[at] ^= change;
                    File.WriteAllBytes(file, bytes);
                    Assert.Throws<SnapshotRefusedException>(() => SnapshotFile.VerifyHash(file, null, Stop));
                    RestoreOrRefuse(file);
                    bytes[at] ^= change;

                    File.WriteAllBytes(file, bytes.AsSpan(0, at));
                    Assert.Throws<SnapshotRefusedException>(() => SnapshotFile.VerifyHash(file, null, Stop));
                    RestoreOrRefuse(file);
                }

                File.Delete(file);
            }, iter: 6);

    private static void RestoreOrRefuse(string file)
    {
        try
        {
            using var snapshot = SnapshotFile.Open(file);
            using var store = new Stores.Memory.MemoryStore();
            SnapshotLoad.Run(snapshot, store, bump: 0, authOff: false, null, Stop);
            using var replica = new Replica(store);
        }
        catch (Storage.Bolt.BoltDamagedException)
        {
            // Refused.
        }
    }

    private static History RandomHistory(Replica replica, IMessage[] writes, long[] compactions, int eventsPerStep)
    {
        var history = new History(replica);
        var compaction = new PhysicalCompaction(replica, eventsPerStep);
        for (var i = 0; i < writes.Length; i++)
        {
            history.Write(writes[i]);
            if (i % 7 == 3)
            {
                history.Compact(compactions[i]);
            }

            // What is compacted may still be there, wholly or in part.
            if (i % 5 == 0)
            {
                compaction.Step();
            }
        }

        return history;
    }

    private static string Export(Replica replica, OrderingMemory memory)
    {
        var path = Path.Combine(Path.GetTempPath(), $"granary-export-{Guid.NewGuid():N}.db");
        using var view = replica.View();
        using var export = SnapshotExport.Gather(view, Member, new TemporarySpace(Path.GetTempPath()), memory, Stop).GetAwaiter().GetResult();
        using var file = File.Create(path);
        using var hash = System.Security.Cryptography.IncrementalHash.CreateHash(System.Security.Cryptography.HashAlgorithmName.SHA256);
        var buffer = Array.Empty<byte>();
        for (var read = export.Read(ref buffer, 1000); read > 0; read = export.Read(ref buffer, 1000))
        {
            file.Write(buffer, 0, read);
            hash.AppendData(buffer, 0, read);
        }

        Assert.Equal(export.Layout.SizeBytes, file.Length);
        file.Write(hash.GetHashAndReset());
        return path;
    }

    private static void MustBeAlike(Replica original, IStore store, RangeRequest[] ranges, long lastRevision)
    {
        var check = ReplicaCheck.Run(store, null, Stop);
        Assert.True(check.Found == 0, string.Join('\n', check.Findings));
        using var restored = new Replica(store);
        using var expected = original.View();
        using var actual = restored.View();
        Assert.Equal((0, 0), (restored.State.AppliedIndex, restored.State.Term));
        foreach (var range in ranges)
        {
            for (var revision = -1; revision <= lastRevision + 1; revision++)
            {
                range.Revision = revision;
                Assert.Equal(Outcome.Of(() => RangeEvaluation.Run(range, expected, Stop)), Outcome.Of(() => RangeEvaluation.Run(range, actual, Stop)));
            }
        }

        for (var first = Math.Max(1, expected.CompactedRevision); first <= lastRevision; first++)
        {
            Assert.Equal(Watched(expected, first), Watched(actual, first));
        }

        Assert.Equal(expected.Leases(), actual.Leases());
        foreach (var lease in expected.Leases())
        {
            Assert.Equal(expected.AttachedKeys(lease.Id), actual.AttachedKeys(lease.Id));
        }
    }

    private static List<string> Watched(ReplicaView view, long first) =>
        [.. view.WatchedEvents(new EventPlace(first), long.MaxValue).Select(change => $"{change.Sub} {view.ReadEvent(change, withPrevious: true)}")];

    // Of the compacted revision and before, entries may be there or not.
    private static List<(Family Family, byte[] Key, byte[] Value)> MeaningfulEntries(IStore store, long compacted)
    {
        var entries = new List<(Family, byte[], byte[])>();
        using var snapshot = store.Snapshot();
        foreach (var family in (Family[])[Family.Latest, Family.History, Family.Events, Family.LeaseKeys])
        {
            using var cursor = snapshot.Scan(family, [], null);
            while (cursor.MoveNext())
            {
                var matters = family switch
                {
                    Family.Latest => PairCodec.ReadModRevision(cursor.Value) > compacted,
                    Family.History => new ByteReader(cursor.Value).Varint() > compacted,
                    Family.Events => StoredEvent.Read(cursor.Key, cursor.Value) is { } change && change.Revision > compacted
                        && !(change.IsDelete && change.PreviousModRevision == 0),
                    _ => true,
                };
                if (matters)
                {
                    entries.Add((family, cursor.Key.ToArray(), cursor.Value.ToArray()));
                }
            }
        }

        return entries;
    }
}
