using Google.Protobuf;
using Granary.Log.Commits;
using Granary.Log.Engines.Embedded;
using Granary.Log.Tests.Embedded;
using Granary.Mvcc.Auth;
using Granary.Mvcc.Errors;
using Granary.Mvcc.Evaluation;
using Granary.Mvcc.Keys;
using Granary.Protos;
using Granary.Storage.Replicas;
using Granary.Storage.Stores.Memory;
using Microsoft.Extensions.Logging.Abstractions;

namespace Granary.Log.Tests.Commits;

/// <summary>What the log promises its callers when it goes well and when the disk does not.</summary>
public sealed class CommitLogTests : IDisposable
{
    private readonly LogDirectory _directory = new();
    private readonly FillingStore _store = new();
    private readonly Replica _replica;
    private volatile bool _failing;
    private volatile DiskRoom _room = DiskRoom.Writes;

    public CommitLogTests() => _replica = new Replica(_store);

    public void Dispose()
    {
        _store.IsFull = false;
        _replica.Dispose();
        _directory.Dispose();
    }

    [Fact]
    public async Task A_batch_that_is_answered_is_durable_visible_and_at_consecutive_revisions()
    {
        using (var log = Open(new FaultyFiles((_, _) => false)))
        {
            var batch = Puts(3);
            Assert.Equal(AppendOutcome.Committed, await log.Append(batch));
            Assert.Equal(2, batch.Evaluation.FirstRevision);
            Assert.Equal(4, _replica.State.Revision);
        }

        using var again = new Replica(new MemoryStore());
        using var records = SegmentLog.Open(
            Options, 0, (index, record) => again.Apply(index, LogRecord.Decode(record)), NullLogger.Instance);
        again.Publish();
        Assert.Equal(_replica.State with { Ranges = null }, again.State with { Ranges = null });
    }

    // Else a read here, which goes by what can be seen here, would be older than one that has ended where it was shown.
    [Fact]
    public async Task What_is_durable_is_shown_to_others_as_soon_as_it_can_be_seen_here_and_no_sooner()
    {
        var records = new ShownRecords(_replica);
        using var log = CommitLog.Open(records, _replica, new CommitLogOptions { InitialRanges = RangeMap.SplitAt([]) }, NullLogger.Instance);
        Assert.Equal((1, 1), (records.Durable, records.ShownIndex));
        await log.Append(Puts(1));
        Assert.Equal((2, 2), (records.Durable, records.ShownIndex));
        _store.IsFull = true;
        var waiting = log.Append(Puts(1));
        Assert.True(SpinWait.SpinUntil(() => _store.Refusals > 0, TimeSpan.FromSeconds(60)), "the store was not asked");
        Assert.Equal(3, records.Durable);
        Assert.Equal((2, 2), (_replica.State.AppliedIndex, records.ShownIndex));
        _store.IsFull = false;
        await waiting;
        Assert.Equal(3, records.ShownIndex);
        Assert.False(records.WasAhead);
    }

    [Fact]
    public async Task Batches_decided_side_by_side_get_revisions_of_their_own()
    {
        using var log = Open(new FaultyFiles((_, _) => false));
        var batches = Enumerable.Range(0, 20).Select(i => Puts(3, prefix: $"{i}/")).ToList();
        Assert.All(await Task.WhenAll(batches.Select(log.Append)), outcome => Assert.Equal(AppendOutcome.Committed, outcome));

        var revisions = batches.SelectMany(batch => batch.Evaluation.Commits).Select(commit => commit[0].Pair.ModRevision);
        Assert.Equal(Enumerable.Range(2, 60).Select(i => (long)i), revisions.Order());
        using var view = _replica.View();
        Assert.All(batches.SelectMany(batch => batch.Evaluation.Commits), commit =>
            Assert.Equal(commit[0].Pair, view.Find(commit[0].Pair.Key, view.Revision)));
    }

    [Fact]
    public async Task A_batch_that_relies_on_its_revision_is_refused_when_another_one_came_first()
    {
        using var log = Open(new FaultyFiles((_, _) => false));
        var relying = Puts(1);
        relying.Evaluation.Txn(
            new TxnRequest { Compare = { new Compare { Key = ByteString.CopyFromUtf8("k0"), Target = Compare.Types.CompareTarget.Mod, ModRevision = 2 } } },
            TestContext.Current.CancellationToken);
        Assert.True(relying.Evaluation.ReliesOnFirstRevision);
        await log.Append(Puts(1, prefix: "other"));

        Assert.Equal(AppendOutcome.Refused, await log.Append(relying));
        Assert.Equal(2, _replica.State.Revision);
    }

    [Fact]
    public async Task A_fence_an_old_term_and_an_old_range_map_keep_a_batch_out()
    {
        using var log = Open(new FaultyFiles((_, _) => false));
        Assert.Equal(AppendOutcome.Refused, await log.Append(Puts(1) with { Fence = () => false }));
        Assert.Equal(AppendOutcome.Refused, await log.Append(Puts(1) with { RangeMapVersion = 99 }));
        var fenced = await Assert.ThrowsAsync<EtcdException>(() => log.Append(Puts(1) with { Term = log.Term - 1 }));
        Assert.Equal(EtcdError.LeaderChanged, fenced.Error);
        Assert.Equal(1, _replica.State.Revision);
    }

    [Fact]
    public async Task A_failed_flush_answers_every_waiting_write_writes_nothing_by_halves_and_lets_reads_go_on()
    {
        using var log = Open(new FaultyFiles((call, _) => _failing && call == FileCall.Flush));
        await log.Append(Puts(2));
        _failing = true;
        var errors = await Task.WhenAll(Enumerable.Range(0, 10).Select(i => Assert.ThrowsAsync<EtcdException>(() => log.Append(Puts(1, prefix: $"{i}/")))));

        // The first group may have reached the disk, so its outcome is unknown; what came behind it was never written.
        Assert.Contains(errors, error => error.OutcomeUnknown && error.Error == EtcdError.Timeout);
        Assert.All(errors, error => Assert.True(error.OutcomeUnknown || error.Error == EtcdError.Stopped));
        Assert.Contains(FaultyFiles.Cause, log.Failure, StringComparison.Ordinal);
        Assert.True(log.Failed.IsCompletedSuccessfully);
        Assert.Equal(3, _replica.State.Revision);
        using var view = _replica.View();
        Assert.NotNull(view.Find(ByteString.CopyFromUtf8("k0"), view.Revision));

        _failing = false;
        var later = await Assert.ThrowsAsync<EtcdException>(() => log.Append(Puts(1)));
        Assert.Equal(EtcdError.Stopped, later.Error);
    }

    [Fact]
    public async Task A_full_disk_refuses_writes_before_they_enter_the_log_and_they_go_on_by_themselves()
    {
        using var log = Open(new FaultyFiles((call, _) => _failing && call == FileCall.Create));
        _failing = true;
        EtcdException? refused = null;
        for (var i = 0; i < 100 && refused is null; i++)
        {
            refused = await Record.ExceptionAsync(() => log.Append(Puts(1, valueBytes: 2000))) as EtcdException;
        }

        Assert.Equal(EtcdError.NoSpace, refused?.Error);
        Assert.Contains(FaultyFiles.Cause, log.Shortage, StringComparison.Ordinal);
        Assert.Null(log.Failure);
        var revision = _replica.State.Revision;
        using (var view = _replica.View())
        {
            Assert.Equal(revision, view.Revision);
            Assert.NotNull(view.Find(ByteString.CopyFromUtf8("k0"), view.Revision));
        }

        _failing = false;
        Assert.True(SpinWait.SpinUntil(() => log.Shortage is null, TimeSpan.FromSeconds(60)), "room was not noticed");
        Assert.Equal(AppendOutcome.Committed, await log.Append(Puts(1, valueBytes: 2000)));
        Assert.Equal(revision + 1, _replica.State.Revision);
    }

    [Fact]
    public async Task What_is_durable_when_the_store_is_full_is_answered_when_there_is_room_and_who_comes_meanwhile_is_refused()
    {
        using var log = Open(new FaultyFiles((_, _) => false));
        await log.Append(Puts(1));
        _store.IsFull = true;
        var durable = log.Append(Puts(1, prefix: "durable"));
        Assert.True(SpinWait.SpinUntil(() => _store.Refusals > 0, TimeSpan.FromSeconds(60)), "the store was not asked");
        var late = await Assert.ThrowsAsync<EtcdException>(() => log.Append(Puts(1, prefix: "late")));
        Assert.Equal((EtcdError.NoSpace, false), (late.Error, late.OutcomeUnknown));
        Assert.NotNull(log.Shortage);
        Assert.False(durable.IsCompleted);

        _store.IsFull = false;
        Assert.Equal(AppendOutcome.Committed, await durable);
        Assert.Equal(AppendOutcome.Committed, await log.Append(Puts(1, prefix: "later")));
        Assert.Null(log.Shortage);
        Assert.Null(log.Failure);
        Assert.Equal(4, _replica.State.Revision);
    }

    [Fact]
    public async Task A_log_that_is_closed_while_its_store_is_full_answers_that_the_outcome_is_unknown_and_has_it_after_the_next_start()
    {
        var log = Open(new FaultyFiles((_, _) => false));
        await log.Append(Puts(1));
        _store.IsFull = true;
        var durable = log.Append(Puts(1, prefix: "durable"));
        Assert.True(SpinWait.SpinUntil(() => _store.Refusals > 0, TimeSpan.FromSeconds(60)), "the store was not asked");
        log.Dispose();
        Assert.True((await Assert.ThrowsAsync<EtcdException>(() => durable)).OutcomeUnknown);

        using var again = new Replica(new MemoryStore());
        using var records = SegmentLog.Open(Options, 0, (index, record) => again.Apply(index, LogRecord.Decode(record)), NullLogger.Instance);
        again.Publish();
        Assert.Equal(3, again.State.Revision);
    }

    [Fact]
    public async Task Without_any_room_compactions_alone_are_taken()
    {
        using var log = Open(new FaultyFiles((_, _) => false));
        await log.Append(Puts(3));
        _room = DiskRoom.Compactions;
        Assert.Equal(EtcdError.NoSpace, (await Assert.ThrowsAsync<EtcdException>(() => log.Append(Puts(1)))).Error);
        await log.Compact(3, Caller.Server);
        Assert.Equal(3, _replica.State.CompactedRevision);

        // Who wants a deletion is not asked here for its size: puts are refused before they come this far.
        _room = DiskRoom.Deletions;
        Assert.NotNull(log.Shortage);
        Assert.Equal(AppendOutcome.Committed, await log.Append(Puts(1)));
        _room = DiskRoom.Writes;
        Assert.Null(log.Shortage);
    }

    [Fact]
    public async Task A_compaction_is_checked_where_the_order_is_made()
    {
        using var log = Open(new FaultyFiles((_, _) => false));
        await log.Append(Puts(3));
        await log.Compact(3, Caller.Server);
        Assert.Equal(3, _replica.State.CompactedRevision);
        Assert.Equal(EtcdError.Compacted, (await Assert.ThrowsAsync<EtcdException>(() => log.Compact(3, Caller.Server))).Error);
        Assert.Equal(EtcdError.FutureRevision, (await Assert.ThrowsAsync<EtcdException>(() => log.Compact(5, Caller.Server))).Error);
        await log.Compact(4, Caller.Server);
    }

    [Fact]
    public async Task What_was_decided_before_a_right_changed_is_refused_and_decided_anew()
    {
        using var log = Open(new FaultyFiles((_, _) => false));
        await log.Append(Puts(1));
        var before = Puts(1, prefix: "before");
        await log.ChangeAuth(auth => AuthRules.Decide(auth, Caller.Nobody, new AuthRoleAddRequest { Name = "r" }, ByteString.Empty));
        Assert.Equal(AppendOutcome.Refused, await log.Append(before));
        Assert.Equal(AppendOutcome.Committed, await log.Append(Puts(1, prefix: "before")));
    }

    [Fact]
    public async Task Changes_of_rights_are_decided_one_behind_the_other_and_outlast_the_process()
    {
        var log = Open(new FaultyFiles((_, _) => false));
        var changes = Enumerable.Range(0, 50).Select(i => log.ChangeAuth(
            auth => AuthRules.Decide(auth, Caller.Nobody, new AuthUserAddRequest { Name = $"u{i % 40}" }, ByteString.CopyFromUtf8("hash")))).ToList();
        foreach (var (change, i) in changes.Select((change, i) => (change, i)))
        {
            var error = (await Record.ExceptionAsync(() => change) as EtcdException)?.Error;
            Assert.Equal(i < 40 ? null : EtcdError.UserExists, error);
        }

        await log.ChangeAuth(auth => AuthRules.Decide(auth, Caller.Nobody, new AuthUserDeleteRequest { Name = "u7" }, ByteString.Empty));
        await log.ChangeAuth(auth => AuthRules.Decide(auth, Caller.Nobody, new AuthDisableRequest(), ByteString.Empty));
        Assert.Equal((42UL, 39), (_replica.State.Auth.Revision, _replica.State.Auth.Users.Count));
        log.Dispose();

        using var again = new Replica(_store);
        Assert.Equal(_replica.State.Auth.Revision, again.State.Auth.Revision);
        Assert.Equal(_replica.State.Auth.Users.OrderBy(user => user.Key, StringComparer.Ordinal), again.State.Auth.Users.OrderBy(user => user.Key, StringComparer.Ordinal));
        using var replayed = new Replica(new MemoryStore());
        using var records = SegmentLog.Open(
            Options, 0, (index, record) => replayed.Apply(index, LogRecord.Decode(record)), NullLogger.Instance);
        replayed.Publish();
        Assert.Equal(_replica.State.Auth.Users.OrderBy(user => user.Key, StringComparer.Ordinal), replayed.State.Auth.Users.OrderBy(user => user.Key, StringComparer.Ordinal));
    }

    [Fact]
    public async Task What_only_root_may_do_is_refused_to_others_where_the_order_is_made()
    {
        using var log = Open(new FaultyFiles((_, _) => false));
        await log.Append(Puts(3));
        foreach (var request in (IMessage[])
            [
                new AuthUserAddRequest { Name = "root" }, new AuthUserAddRequest { Name = "ann" },
                new AuthUserGrantRoleRequest { User = "root", Role = "root" }, new AuthEnableRequest(),
            ])
        {
            await log.ChangeAuth(auth => AuthRules.Decide(auth, Caller.Nobody, request, ByteString.Empty));
        }

        Assert.Equal(EtcdError.UserEmpty, (await Assert.ThrowsAsync<EtcdException>(() => log.Compact(2, Caller.Nobody))).Error);
        Assert.Equal(EtcdError.PermissionDenied, (await Assert.ThrowsAsync<EtcdException>(() => log.Compact(2, Caller.Of("ann")))).Error);
        Assert.Equal(EtcdError.PermissionDenied, (await Assert.ThrowsAsync<EtcdException>(() => log.SetPeerUrls(new PeerUrlsRecord([]), Caller.Of("ann")))).Error);
        Assert.Equal(-1, _replica.State.CompactedRevision);
        await log.Compact(2, Caller.Of("root"));
        Assert.Equal(2, _replica.State.CompactedRevision);
    }

    [Fact]
    public async Task A_closed_log_takes_nothing_and_each_start_is_a_term()
    {
        var log = Open(new FaultyFiles((_, _) => false));
        var first = log.Term;
        log.Dispose();
        Assert.Equal(EtcdError.Stopped, (await Assert.ThrowsAsync<EtcdException>(() => log.Append(Puts(1)))).Error);
        using var again = Open(new FaultyFiles((_, _) => false));
        Assert.Equal(first + 1, again.Term);
    }

    private SegmentLogOptions Options => new() { Directory = _directory.Path, SegmentBytes = 16 << 10, MaxRecordBytes = 8 << 10 };

    private CommitLog Open(FaultyFiles files) => CommitLog.Open(
        SegmentLog.Open(Options, _replica.State.AppliedIndex, (_, _) => { }, NullLogger.Instance, files),
        _replica,
        new CommitLogOptions { InitialRanges = RangeMap.SplitAt([]), Room = () => _room },
        NullLogger.Instance);

    private CommitBatch Puts(int count, string prefix = "k", int valueBytes = 10)
    {
        using var view = _replica.View();
        var evaluation = new BatchEvaluation(view);
        for (var i = 0; i < count; i++)
        {
            evaluation.Put(new PutRequest { Key = ByteString.CopyFromUtf8($"{prefix}{i}"), Value = ByteString.CopyFrom(new byte[valueBytes]) });
        }

        return new CommitBatch(evaluation, view.State.AppliedIndex, _replica.State.Term, _replica.State.Ranges!.Version, null, []);
    }
}
