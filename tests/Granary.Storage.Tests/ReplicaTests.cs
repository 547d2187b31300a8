using CsCheck;
using Google.Protobuf;
using Granary.Model;
using Granary.Mvcc.Auth;
using Granary.Mvcc.Evaluation;
using Granary.Mvcc.Keys;
using Granary.Protos;
using Granary.Storage.Replicas;
using Granary.Storage.Stores;

namespace Granary.Storage.Tests;

/// <summary>One suite for both engines: what the replica answers is what the model answers, at every revision that can be read.</summary>
public abstract partial class ReplicaTests(bool onDisk)
{
    private int Iterations => onDisk ? 60 : 400;

    /// <summary>How many keys a deletion may name one by one; with more it is applied little by little: all, some, or none of those that come up.</summary>
    protected static Gen<int> ListedDeletions { get; } = Gen.OneOf(Gen.Const(0), Gen.Const(1), Gen.Const(int.MaxValue));

    [Fact]
    public void Random_histories_read_as_the_model_says_at_every_revision_while_compaction_goes_on() =>
        Gen.Select(RandomRequests.Write.Array[1, 40], RandomRequests.Range.Array[8], Gen.Long[0, 30].Array[40], Gen.Int[1, 5], ListedDeletions).Sample(
            (writes, ranges, compactions, eventsPerStep, listedDeletions) =>
            {
                using var place = new StorePlace(onDisk);
                using var replica = new Replica(place.Open());
                var history = new History(replica, listedDeletions);
                var compaction = new PhysicalCompaction(replica, eventsPerStep);
                for (var i = 0; i < writes.Length; i++)
                {
                    history.Write(writes[i]);
                    if (i % 7 == 3)
                    {
                        history.Compact(compactions[i]);
                    }

                    compaction.Step();
                    if (i % 3 == 0)
                    {
                        ApplyDeferred(replica, 1);
                    }
                }

                history.MustReadAlike(ranges);
                Assert.Empty(ReplicaCheck.Run(replica.Store, null, Stop).Findings);
                ApplyAllDeferred(replica);
                while (!compaction.Step())
                {
                }

                history.MustReadAlike(ranges);
                history.MustHoldNothingUnreadable();
            }, iter: Iterations, threads: 2);

    [Fact]
    public void Batches_and_their_records_make_the_same_replica() =>
        Gen.Select(RandomRequests.Write.Array[1, 5].Array[1, 8], ListedDeletions).Sample((batches, listedDeletions) =>
        {
            using var place = new StorePlace(onDisk);
            using var copyPlace = new StorePlace(onDisk);
            using var replica = new Replica(place.Open());
            using var copy = new Replica(copyPlace.Open());
            var history = new History(replica, listedDeletions);
            foreach (var batch in batches)
            {
                history.WriteBatch(batch);
            }

            // The copy has the records alone: what a batch knew of superseded pairs it must find out for itself.
            foreach (var (index, record) in history.Records)
            {
                copy.Apply(index, LogRecord.Decode(record));
                if (index % 3 == 0)
                {
                    copy.Publish();
                    ApplyDeferred(copy, 1);
                }
            }

            copy.Publish();
            ApplyAllDeferred(replica);
            ApplyAllDeferred(copy);
            Assert.Equal(Dump(replica), Dump(copy));
        }, iter: Iterations);

    [Fact]
    public void A_large_deletion_is_seen_whole_at_once_and_leaves_the_store_little_by_little()
    {
        using var place = new StorePlace(onDisk);
        using var replica = new Replica(place.Open());
        var history = new History(replica, listedDeletions: 99);
        history.Write(new LeaseGrantRequest { ID = 7, TTL = 60 });
        for (var i = 0; i < 100; i++)
        {
            history.Write(new PutRequest { Key = ByteString.CopyFromUtf8($"k{i:D2}"), Lease = 7 });
        }

        history.Write(new LeaseRevokeRequest { ID = 7 });
        var deleted = history.Model.Revision;
        for (var left = 100; left >= 0; left--)
        {
            using (var snapshot = replica.Store.Snapshot())
            {
                using var cursor = snapshot.Scan(Family.Latest, [], null);
                var stored = 0;
                while (cursor.MoveNext())
                {
                    stored++;
                }

                Assert.Equal(left, stored);
            }

            using var view = replica.View();
            Assert.Equal(100, view.Events(deleted, deleted).Count());
            history.MustReadAlike([Everything()]);
            ApplyDeferred(replica, 1);
        }

        Assert.False(replica.HasDeferred);
    }

    [Fact]
    public async Task A_deletion_waits_for_those_who_wait_for_a_state_without_any_and_nobody_waits_for_what_stays()
    {
        using var place = new StorePlace(onDisk);
        using var replica = new Replica(place.Open());
        var history = new History(replica, listedDeletions: 0);
        PutAndDelete(history);
        Assert.True(replica.HasDeferred);
        Assert.True(replica.WaitForRoom().IsCompleted);
        var settled = replica.SettledView(Stop).AsTask();
        var room = replica.WaitForRoom();
        Assert.False(room.IsCompleted);
        while (replica.HasDeferred)
        {
            ApplyDeferred(replica, 1);
        }

        (await settled.WaitAsync(TimeSpan.FromSeconds(60), Stop)).Dispose();
        await room.WaitAsync(TimeSpan.FromSeconds(60), Stop);

        PutAndDelete(history);
        Assert.True(replica.HasDeferred);
        settled = replica.SettledView(Stop).AsTask();
        room = replica.WaitForRoom();
        replica.StopDeferred(new InvalidOperationException("the log has failed"));
        await Assert.ThrowsAsync<InvalidOperationException>(() => settled.WaitAsync(TimeSpan.FromSeconds(60), Stop));
        await Assert.ThrowsAsync<InvalidOperationException>(() => replica.SettledView(Stop).AsTask());
        await room.WaitAsync(TimeSpan.FromSeconds(60), Stop);
        Assert.True(replica.WaitForRoom().IsCompleted);
    }

    [Fact]
    public async Task Who_waits_for_a_state_without_large_deletions_gets_one_though_there_is_always_a_next()
    {
        using var place = new StorePlace(onDisk);
        using var replica = new Replica(place.Open());
        var history = new History(replica, listedDeletions: 0);
        PutAndDelete(history);
        var settled = replica.SettledView(Stop).AsTask();
        using var leaving = new CancellationTokenSource();
        var left = replica.SettledView(leaving.Token).AsTask();
        await leaving.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => left);

        // Nobody takes the first one out of the store before the next one comes.
        Assert.False(settled.IsCompleted);
        PutAndDelete(history);
        var view = await settled.WaitAsync(TimeSpan.FromSeconds(60), Stop);
        Assert.True(replica.HasDeferred);
        Assert.True(view.Revision < history.Model.Revision);
        Assert.Empty(view.State.Deferred);
        Assert.Equal(2, replica.OpenViewCount);
        view.Dispose();
        Assert.Equal(1, replica.OpenViewCount);
    }

    private static void PutAndDelete(History history)
    {
        for (var i = 0; i < 10; i++)
        {
            history.Write(Put("k" + i, "v"));
        }

        history.Write(new DeleteRangeRequest { Key = ByteString.CopyFromUtf8("k"), RangeEnd = ByteString.CopyFromUtf8("l") });
    }

    [Fact]
    public void Large_deletions_that_come_faster_than_they_leave_the_store_are_bounded_in_number()
    {
        using var place = new StorePlace(onDisk);
        using var replica = new Replica(place.Open());
        var history = new History(replica, listedDeletions: 0);
        for (var i = 0; i < 40; i++)
        {
            history.Write(Put("k", "v"));
            history.Write(new DeleteRangeRequest { Key = ByteString.CopyFromUtf8("k"), RangeEnd = ByteString.CopyFromUtf8("l") });
            Assert.InRange(replica.State.Deferred.Count, 1, 16);
        }

        history.MustReadAlike([Everything()]);
    }

    protected static void ApplyDeferred(Replica replica, int changes)
    {
        if (replica.HasDeferred && changes > 0)
        {
            replica.ApplyDeferred(changes);
            replica.Publish();
        }
    }

    protected static void ApplyAllDeferred(Replica replica)
    {
        while (replica.HasDeferred)
        {
            ApplyDeferred(replica, 10);
        }
    }

    [Fact]
    public void A_view_keeps_its_state_while_others_write_and_compact()
    {
        using var place = new StorePlace(onDisk);
        using var replica = new Replica(place.Open());
        var history = new History(replica);
        history.Write(Put("a", "1"));
        using var view = replica.View();
        history.Write(Put("a", "2"));
        history.Write(Put("b", "3"));
        history.Compact(4);
        var compaction = new PhysicalCompaction(replica, 100);
        compaction.Step();
        compaction.Reclaim();

        Assert.Equal(2, view.Revision);
        Assert.Equal("1", view.Find(ByteString.CopyFromUtf8("a"), 2)!.Value.ToStringUtf8());
        Assert.Equal(1, RangeEvaluation.Run(Everything(), view, TestContext.Current.CancellationToken).Count);
    }

    [Fact]
    public void Views_are_freed_when_the_last_holder_lets_go()
    {
        using var place = new StorePlace(onDisk);
        using var replica = new Replica(place.Open());
        var history = new History(replica);
        var first = replica.View();
        var second = replica.View();
        Assert.Same(first, second);
        history.Write(Put("a", "1"));
        Assert.Equal(2, replica.OpenViewCount);
        first.Dispose();
        Assert.Equal(2, replica.OpenViewCount);
        second.Dispose();
        Assert.Equal(1, replica.OpenViewCount);
    }

    [Fact]
    public void A_record_that_does_not_follow_on_is_refused()
    {
        using var place = new StorePlace(onDisk);
        using var replica = new Replica(place.Open());
        replica.Apply(1, AppliedLog.Founding);
        replica.Publish();
        Assert.Throws<InvalidOperationException>(() => replica.Apply(3, new CompactionRecord(1)));
        Assert.Throws<InvalidOperationException>(() => replica.Apply(2, new CommitsRecord(7, [], [])));
    }

    [Fact]
    public void Etcd_own_find_a_put_behind_a_delete_of_its_key_at_one_revision_survives_a_compaction_at_that_revision()
    {
        // etcd keys what it keeps by the revision alone and loses the put's record; here latest and history are keyed by
        // (key, mod revision) and a compaction removes only what an event up to it has superseded: not the last entry.
        using var place = new StorePlace(onDisk);
        using var replica = new Replica(place.Open());
        var history = new History(replica);
        history.Write(Put("k", "old"));
        history.Write(new TxnRequest
        {
            Success =
            {
                new RequestOp { RequestDeleteRange = new DeleteRangeRequest { Key = ByteString.CopyFromUtf8("k"), RangeEnd = ByteString.CopyFrom(0) } },
                new RequestOp { RequestPut = Put("k", "new") },
            },
        });
        history.Compact(3);
        var compaction = new PhysicalCompaction(replica, 1);
        while (!compaction.Step())
        {
        }

        using var view = replica.View();
        var pair = view.Find(ByteString.CopyFromUtf8("k"), 3)!;
        Assert.Equal("new", pair.Value.ToStringUtf8());
        Assert.Equal((3, 1), (pair.CreateRevision, pair.Version));
    }

    [Fact]
    public void Compacting_at_the_revision_of_a_delete_keeps_its_event()
    {
        using var place = new StorePlace(onDisk);
        using var replica = new Replica(place.Open());
        var history = new History(replica);
        history.Write(Put("k", "1"));
        history.Write(new DeleteRangeRequest { Key = ByteString.CopyFromUtf8("k") });
        history.Write(Put("other", "1"));
        history.Compact(3);
        var compaction = new PhysicalCompaction(replica, 100);
        while (!compaction.Step())
        {
        }

        replica.Refresh();
        using var view = replica.View();
        Assert.Equal([(3L, true), (4L, false)], view.Events(0, long.MaxValue).Select(change => (change.Revision, change.IsDelete)));
    }

    protected static PutRequest Put(string key, string value) =>
        new() { Key = ByteString.CopyFromUtf8(key), Value = ByteString.CopyFromUtf8(value) };

    protected static RangeRequest Everything() => new() { Key = ByteString.CopyFrom(0), RangeEnd = ByteString.CopyFrom(0) };

    protected static string Dump(Replica replica)
    {
        using var snapshot = replica.Store.Snapshot();
        return string.Join('\n', Enum.GetValues<Family>().SelectMany(family => Entries(snapshot, family)));
    }

    private static List<string> Entries(IStoreSnapshot snapshot, Family family)
    {
        var entries = new List<string>();
        using var cursor = snapshot.Scan(family, [], null);
        while (cursor.MoveNext())
        {
            entries.Add($"{family} {Convert.ToHexString(cursor.Key)} {Convert.ToHexString(cursor.Value)}");
        }

        return entries;
    }

    /// <summary>Writes to a replica and to the model, as a log would, and keeps the records.</summary>
    protected sealed class History
    {
        private readonly Replica _replica;
        private readonly AppliedLog _log;

        private readonly int _listedDeletions;

        public History(Replica replica, int listedDeletions = 2048)
        {
            _replica = replica;
            _listedDeletions = listedDeletions;
            _log = new AppliedLog(replica);
        }

        public ModelStore Model { get; } = new();

        public List<(long Index, byte[] Record)> Records => _log.Records;

        public void Write(IMessage request) => WriteBatch([request]);

        public void WriteBatch(IMessage[] requests)
        {
            using var view = _replica.View();
            var evaluation = new BatchEvaluation(view, listedDeletions: _listedDeletions);
            foreach (var request in requests)
            {
                // What the batch itself is about to commit has no number yet that a request could name.
                if (RandomRequests.NamesRevision(request, evaluation.FirstRevision, Model.Revision + 1))
                {
                    continue;
                }

                var answer = Outcome.Of(() => evaluation.Write(request, Caller.Server, TestContext.Current.CancellationToken));
                Assert.Equal(Outcome.Of(() => Model.Write(request)), answer);
            }

            _log.Apply(evaluation);
        }

        public void Compact(long revision)
        {
            var expected = Outcome.Of(() =>
            {
                Model.Compact(revision);
                return new CompactionResponse();
            });
            var state = _replica.State;
            var error = CompactionRules.Check(revision, state.CompactedRevision, state.Revision);
            Assert.Equal(expected, error?.Text ?? new CompactionResponse().ToString());
            if (error is null)
            {
                _log.Apply(new CompactionRecord(revision));
            }
        }

        public void MustReadAlike(RangeRequest[] ranges) => MustReadAlike(_replica, ranges);

        public void MustReadAlike(Replica replica, params RangeRequest[] ranges)
        {
            using var view = replica.View();
            foreach (var range in ranges)
            {
                for (var revision = -1; revision <= Model.Revision + 1; revision++)
                {
                    range.Revision = revision;
                    Assert.Equal(Outcome.Of(() => Model.Range(range)), Outcome.Of(() => RangeEvaluation.Run(range, view, TestContext.Current.CancellationToken)));
                }
            }

            var firstReadable = Model.CompactedRevision + 1;
            Assert.Equal(
                Model.History.Where(change => change.Revision >= firstReadable).Select(change => (change.Revision, change.Key, change.Pair is null)),
                view.Events(firstReadable, long.MaxValue).Select(change => (change.Revision, change.ChangedKey, change.IsDelete)));
            Assert.Equal(Model.Leases, view.Leases().Select(lease => lease.Id));
            foreach (var lease in new long[] { 7, 8 })
            {
                var attached = Model.PairsAt(Model.Revision).Where(pair => pair.Lease == lease).Select(pair => pair.Key).ToList();
                Assert.Equal(attached, view.AttachedKeys(lease));
                Assert.Equal((attached.Count, attached.Count > 0), (view.CountAttached(lease, Stop).Count, view.HasAttached(lease, KeyRange.All)));
            }

            for (var revision = Math.Max(Model.CompactedRevision, 1); revision <= Model.Revision; revision++)
            {
                var everything = Everything();
                everything.Revision = revision;
                foreach (var pair in RangeEvaluation.Run(everything, view, TestContext.Current.CancellationToken).Kvs)
                {
                    Assert.Equal(pair, view.Find(pair.Key, revision));
                }
            }
        }

        public void MustHoldNothingUnreadable()
        {
            _replica.Refresh();
            using var snapshot = _replica.Store.Snapshot();
            var compacted = Model.CompactedRevision;
            using var view = _replica.View();
            Assert.DoesNotContain(view.Events(0, long.MaxValue), change => change.Revision < compacted);
            using var history = snapshot.Scan(Family.History, [], null);
            while (history.MoveNext())
            {
                var reader = new ByteReader(history.Value);
                Assert.True(reader.Varint() > compacted, "a pair that ended before the compacted revision is still stored");
            }
        }
    }
}

public sealed class MemoryReplicaTests() : ReplicaTests(onDisk: false);

public sealed class RocksReplicaTests() : ReplicaTests(onDisk: true)
{
    [Fact]
    public void A_crash_at_any_point_and_a_replay_from_the_applied_index_make_the_same_replica() =>
        Gen.Select(RandomRequests.Write.Array[3, 30], Gen.Int[0, 29], Gen.Int[0, 29], Gen.Long[2, 20], ListedDeletions).Sample((writes, flushAt, crashAt, compactTo, listedDeletions) =>
        {
            using var place = new StorePlace(onDisk: true);
            using var copy = new StorePlace(onDisk: true);
            using var replica = new Replica(place.Open());
            var history = new History(replica, listedDeletions);
            var compaction = new PhysicalCompaction(replica, 2);
            for (var i = 0; i < writes.Length; i++)
            {
                history.Write(writes[i]);
                ApplyDeferred(replica, i % 2);
                if (i % 5 == 2)
                {
                    history.Compact(compactTo);
                    compaction.Step();
                }

                if (i == flushAt)
                {
                    replica.Flush();
                }

                if (i == crashAt)
                {
                    // What is on disk now is what a SIGKILL leaves: memtables are gone.
                    CopyFiles(place.StoreDirectory, copy.StoreDirectory);
                }
            }

            if (!Directory.Exists(copy.StoreDirectory))
            {
                CopyFiles(place.StoreDirectory, copy.StoreDirectory);
            }

            using var recovered = new Replica(copy.Open());
            foreach (var (index, record) in history.Records.Where(entry => entry.Index > recovered.State.AppliedIndex).ToList())
            {
                recovered.Apply(index, LogRecord.Decode(record));
            }

            if (recovered.HasUnpublished)
            {
                recovered.Publish();
            }

            history.MustReadAlike(recovered);
            ApplyAllDeferred(replica);
            ApplyAllDeferred(recovered);
            var finish = new PhysicalCompaction(recovered, 3);
            while (!compaction.Step() | !finish.Step())
            {
            }

            Assert.Equal(Dump(replica), Dump(recovered));
        }, iter: 60, threads: 2);

    [Fact]
    public void Compaction_gives_the_space_back()
    {
        using var place = new StorePlace(onDisk: true);
        using var replica = new Replica(place.Open());
        var history = new History(replica);
        var value = new byte[4096];
        for (var i = 0; i < 4000; i++)
        {
            Random.Shared.NextBytes(value);
            history.Write(new PutRequest { Key = ByteString.CopyFromUtf8("k" + (i % 4)), Value = ByteString.CopyFrom(value) });
        }

        replica.Flush();
        var before = Bytes(place.StoreDirectory);
        history.Compact(4001);
        var compaction = new PhysicalCompaction(replica, 500);
        while (!compaction.Step())
        {
        }

        replica.Flush();
        compaction.Reclaim();
        Assert.True(before > 15 << 20, $"{before} bytes were on disk before");
        Assert.True(
            SpinWait.SpinUntil(() => Bytes(place.StoreDirectory) < before / 10, TimeSpan.FromSeconds(60)),
            $"{Bytes(place.StoreDirectory)} of {before} bytes are left");
    }

    private static long Bytes(string directory) => new DirectoryInfo(directory).GetFiles("*.sst").Sum(Length);

    // RocksDB removes files in the background: a copy counts only when nothing changed while it was made.
    private static void CopyFiles(string from, string to)
    {
        for (var attempt = 0; attempt < 100; attempt++)
        {
            var before = Listing(from);
            if (TryCopy(before.Keys, from, to) && Listing(from).SequenceEqual(before))
            {
                return;
            }

            Directory.Delete(to, recursive: true);
        }

        Assert.Fail($"{from} was never still");
    }

    private static SortedDictionary<string, long> Listing(string directory)
    {
        var files = new SortedDictionary<string, long>(StringComparer.Ordinal);
        foreach (var file in new DirectoryInfo(directory).GetFiles())
        {
            if (file.Name != "LOCK")
            {
                files.Add(file.Name, Length(file));
            }
        }

        return files;
    }

    private static long Length(FileInfo file)
    {
        try
        {
            return file.Length;
        }
        catch (FileNotFoundException)
        {
            return 0;
        }
    }

    private static bool TryCopy(IEnumerable<string> names, string from, string to)
    {
        Directory.CreateDirectory(to);
        try
        {
            foreach (var name in names)
            {
                File.Copy(Path.Combine(from, name), Path.Combine(to, name));
            }

            return true;
        }
        catch (FileNotFoundException)
        {
            return false;
        }
    }
}
