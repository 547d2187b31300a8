using System.Diagnostics.Metrics;
using Google.Protobuf;
using Granary.Grains.Hosting;
using Granary.Grains.Placement;
using Granary.Grains.Tracing;
using Granary.Log.Commits;
using Granary.Mvcc.Auth;
using Granary.Mvcc.Errors;
using Granary.Mvcc.Evaluation;
using Granary.Mvcc.Keys;
using Granary.Protos;
using Granary.Storage.Replicas;
using Orleans.Concurrency;
using Orleans.GrainDirectory;

namespace Granary.Grains.KeyRanges;

/// <summary>
/// Coordinates writes that touch several ranges: holds them still in key order, decides on the state that none of them can change,
/// commits at one revision, lets them go. And compacts, which concerns all.
/// </summary>
[Reentrant, LeaderPlacement, GrainDirectory(HomeDirectory.OfTerms)]
internal sealed class KeyspaceGrain(
    Replica replica, ICommitLog log, LatchTable latches, ForwardedCalls forwarded, CompactionWorker compaction, KeyRangeOptions options) : Grain, IKeyspaceGrain
{
    private const int MaxRefusals = 100;

    public async ValueTask<DeleteRangeResponse?> DeleteRange(DeleteRangeRequest request, Caller caller, AnswerShare? share, CancellationToken cancellationToken) =>
        (DeleteRangeResponse?)await Coordinate(request, caller, () => RangesTouched.By(request, Ranges), cancellationToken, share: share);

    public async ValueTask<TxnResponse?> Txn(TxnRequest request, Caller caller, AnswerShare? share, CancellationToken cancellationToken) =>
        (TxnResponse?)await Coordinate(request, caller, () => RangesTouched.By(request, Ranges), cancellationToken, KeyRangeMetrics.Txns, share);

    public async ValueTask<LeaseRevokeResponse> Revoke(LeaseRevokeRequest request, Caller caller, CancellationToken cancellationToken) =>
        (LeaseRevokeResponse)(await Coordinate(request, caller, () => RangesOf(request.ID), cancellationToken))!;

    public async ValueTask<CompactionResponse> Compact(CompactionRequest request, Caller caller, CancellationToken cancellationToken)
    {
        await log.Prove(cancellationToken);
        if (replica.State.HasAlarm(AlarmType.Corrupt))
        {
            throw new EtcdException(EtcdError.Corrupt);
        }

        try
        {
            await log.Compact(request.Revision, caller);
            compaction.Wake();
        }
        catch (EtcdException exception) when (exception.Error == EtcdError.Compacted && request.Physical)
        {
            await compaction.Finished(cancellationToken);
            throw;
        }

        if (request.Physical)
        {
            await compaction.Finished(cancellationToken);
        }

        return new CompactionResponse { Header = new ResponseHeader { Revision = replica.State.Revision } };
    }

    public async ValueTask<long> SetAlarm(AlarmMember alarm, bool isUp, Caller caller)
    {
        await log.SetAlarm(new AlarmRecord(alarm.MemberID, alarm.Alarm, isUp), caller);
        return replica.State.AppliedIndex;
    }

    public async ValueTask<long> ChangeAuth(AuthRequest request, ByteString hash, Caller caller, CancellationToken cancellationToken)
    {
        await log.Prove(cancellationToken);
        var message = request.Message;
        await log.ChangeAuth(auth => AuthRules.Decide(auth, caller, message, hash));
        return replica.State.AppliedIndex;
    }

    private RangeMap Ranges => replica.State.Ranges!;

    /// <summary>Writes a request; null, and nothing written, when there is no room for its answer.</summary>
    private async Task<IMessage?> Coordinate(
        IMessage request, Caller caller, Func<IReadOnlyList<RangeId>> touched, CancellationToken cancellationToken, Counter<long>? answered = null, AnswerShare? share = null)
    {
        var term = KeyRangeGrainKey.Term(this.GetPrimaryKeyString());
        await log.Admit(request, cancellationToken);
        forwarded.MakeOnce();
        using var write = new PendingWrite(request, caller, 0, GrainTrace.Caller(), cancellationToken, share);
        for (var refusals = 0; refusals < MaxRefusals; refusals++)
        {
            cancellationToken.ThrowIfCancellationRequested();

            // What takes long is decided while the ranges go on, and must still hold once they are stopped.
            using var large = write.IsLarge && write.Attempts++ < LargeDeletion.MaxAttempts ? new LargeDeletion(write, replica.View(), options.MaxBatchChanges) : null;
            if (large is not null)
            {
                await large.Decide();
            }

            var latch = latches.Open(options.LatchLifetime);
            var held = new List<IKeyRangeGrain>();
            try
            {
                var ranges = touched();
                foreach (var range in ranges)
                {
                    var grain = GrainFactory.GetGrain<IKeyRangeGrain>(KeyRangeGrainKey.Of(term, range));
                    held.Add(grain);
                    await grain.Latch(latch, cancellationToken);
                }

                cancellationToken.ThrowIfCancellationRequested();
                write.TryTake();

                // The keys of a lease may have come to be in other ranges while these were being stopped.
                if (touched().All(ranges.Contains) && await (large is null ? TryCommit(write, term, latch) : TryCommit(large, term, latch)))
                {
                    write.Answer();
                    var answer = await write.Completion;
                    answered?.Add(1);
                    return answer;
                }
            }
            catch (NoRoomException)
            {
                return null;
            }
            finally
            {
                foreach (var grain in held)
                {
                    await grain.Release(latch);
                }

                latches.Close(latch);
            }

            KeyRangeMetrics.Refused.Add(1);
        }

        throw new EtcdException(EtcdError.Timeout);
    }

    private IReadOnlyList<RangeId> RangesOf(long lease)
    {
        using var view = replica.View();
        var ranges = Ranges;
        return [.. Enumerable.Range(0, ranges.Count).Where(position => view.HasAttached(lease, ranges.KeysAt(position))).Select(ranges.IdAt)];
    }

    private async Task<bool> TryCommit(PendingWrite write, long term, Guid latch)
    {
        using var view = replica.View();
        var evaluation = new BatchEvaluation(view, decidesLarge: write.IsLarge, options.MaxBatchChanges);
        return write.TryDecide(evaluation) && await TryCommit(write, evaluation, view, term, latch);
    }

    private async Task<bool> TryCommit(LargeDeletion large, long term, Guid latch)
    {
        using (var now = replica.View())
        {
            large.Note(now);
        }

        return !large.IsOutdated && await TryCommit(large.Write, large.Evaluation, large.View, term, latch);
    }

    private async Task<bool> TryCommit(PendingWrite write, BatchEvaluation evaluation, ReplicaView view, long term, Guid latch) =>
        evaluation.IsIdle
        || await log.Append(new CommitBatch(
            evaluation,
            view.State.AppliedIndex,
            term,
            view.State.Ranges!.Version,
            () => latches.TryCommit(latch),
            write.Trace == default ? [] : [write.Trace])) == AppendOutcome.Committed;
}
