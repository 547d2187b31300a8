using System.Diagnostics;
using System.Diagnostics.Metrics;
using Google.Protobuf;
using Granary.Grains.Hosting;
using Granary.Grains.Placement;
using Granary.Grains.Tracing;
using Granary.Log.Commits;
using Granary.Mvcc.Auth;
using Granary.Mvcc.Errors;
using Granary.Mvcc.Evaluation;
using Granary.Protos;
using Granary.Storage.Replicas;
using Orleans.Concurrency;
using Orleans.GrainDirectory;

namespace Granary.Grains.KeyRanges;

/// <summary>
/// Owns the writes of one range of the keyspace for one term of leadership: takes what waits as a batch, has it decided,
/// hands it to the log, answers. One batch is in flight at a time; calls interleave only to join the queue.
/// </summary>
[Reentrant, LeaderPlacement, GrainDirectory(HomeDirectory.OfTerms)]
internal sealed class KeyRangeGrain : Grain, IKeyRangeGrain
{
    // After so many refusals a batch goes on one request at a time: what it relied on of itself no longer matters then.
    private const int RefusalsBeforeSingles = 3;
    private const int MaxRefusals = 100;

    private readonly Replica _replica;
    private readonly ICommitLog _log;
    private readonly ForwardedCalls _forwarded;
    private readonly KeyRangeOptions _options;
    private readonly WriteQueue _waiting;
    private readonly LatchQueue _latches;
    private readonly LargeDeletionQueue _large;
    private readonly List<PendingWrite> _batch = [];
    private Task _pump = Task.CompletedTask;
    private long _term;

    public KeyRangeGrain(Replica replica, ICommitLog log, LatchTable latches, ForwardedCalls forwarded, KeyRangeOptions options)
    {
        _replica = replica;
        _log = log;
        _forwarded = forwarded;
        _options = options;
        _waiting = new WriteQueue(options.MaxQueuedRequests, options.MaxQueuedBytes, options.MaxBatchBytes);
        _latches = new LatchQueue(latches, options.LatchCheckInterval);
        _large = new LargeDeletionQueue(replica, options.MaxBatchChanges, PumpIfIdle);
    }

    public override Task OnActivateAsync(CancellationToken cancellationToken)
    {
        _term = KeyRangeGrainKey.Term(this.GetPrimaryKeyString());
        return Task.CompletedTask;
    }

    public override async Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken)
    {
        _waiting.FailAll(new EtcdException(EtcdError.Stopped));
        _large.Stop();
        _latches.FailAll(new EtcdException(EtcdError.Stopped));

        // What is under way goes to its end. A decision sets the pump going, and the pump no longer begins a decision.
        await _large.Decisions;
        await _pump;
    }

    public async ValueTask<PutResponse> Put(PutRequest request, Caller caller, CancellationToken cancellationToken) =>
        (PutResponse)(await Submit(request, caller, request.Key.Length + request.Value.Length, cancellationToken))!;

    public async ValueTask<DeleteRangeResponse?> DeleteRange(DeleteRangeRequest request, Caller caller, AnswerShare? share, CancellationToken cancellationToken) =>
        (DeleteRangeResponse?)await Submit(request, caller, request.Key.Length + request.RangeEnd.Length, cancellationToken, share: share);

    public async ValueTask<TxnResponse?> Txn(TxnRequest request, Caller caller, AnswerShare? share, CancellationToken cancellationToken) =>
        (TxnResponse?)await Submit(request, caller, request.CalculateSize(), cancellationToken, KeyRangeMetrics.Txns, share);

    public async ValueTask<LeaseGrantResponse> Grant(LeaseGrantRequest request, Caller caller, CancellationToken cancellationToken) =>
        (LeaseGrantResponse)(await Submit(request, caller, request.CalculateSize(), cancellationToken))!;

    public async ValueTask<LeaseRevokeResponse> Revoke(LeaseRevokeRequest request, Caller caller, CancellationToken cancellationToken) =>
        (LeaseRevokeResponse)(await Submit(request, caller, request.CalculateSize(), cancellationToken))!;

    public async ValueTask Latch(Guid latch, CancellationToken cancellationToken)
    {
        var granted = _latches.Enter(latch, cancellationToken);
        PumpIfIdle();
        await granted;
    }

    public ValueTask Release(Guid latch)
    {
        _latches.Release(latch);
        return default;
    }

    /// <summary>Writes a request; null, and nothing written, when there is no room for its answer.</summary>
    private async Task<IMessage?> Submit(
        IMessage request, Caller caller, int sizeBytes, CancellationToken cancellationToken, Counter<long>? answered = null, AnswerShare? share = null)
    {
        await _log.Admit(request, cancellationToken);
        _forwarded.MakeOnce();
        using var write = new PendingWrite(request, caller, sizeBytes, GrainTrace.Caller(), cancellationToken, share);
        _waiting.Enqueue(write);
        PumpIfIdle();
        KeyRangeMetrics.ActiveCalls.Add(1);
        try
        {
            var answer = await write.Completion;
            answered?.Add(1);
            return answer;
        }
        catch (NoRoomException)
        {
            return null;
        }
        finally
        {
            KeyRangeMetrics.ActiveCalls.Add(-1);
        }
    }

    private void PumpIfIdle()
    {
        if (_pump.IsCompleted)
        {
            _pump = Pump();
        }
    }

    private async Task Pump()
    {
        while (true)
        {
            if (!_latches.IsEmpty)
            {
                await _latches.HoldStill();
                _large.NoteAll();
            }

            if (_large.TryTake(out var large))
            {
                await Finish(large);
            }

            _waiting.TakeBatch(_batch);
            if (_batch.Count == 0)
            {
                if (!_large.HasDecided && _latches.IsEmpty && _waiting.Count == 0)
                {
                    return;
                }

                continue;
            }

            await RunAll();
        }
    }

    /// <summary>Gets through with all writes of the batch.</summary>
    private async Task RunAll()
    {
        var most = int.MaxValue;
        while (_batch.Count > 0)
        {
            try
            {
                _batch.RemoveRange(0, await Run(_batch, most, decidesLarge: false));
            }
            catch (EtcdException exception) when (exception.Error == EtcdError.RequestTooLarge && most > 1)
            {
                // Not all of them are: each goes by itself, and the one that is too large is told so.
                most = 1;
            }
            catch (EtcdException exception) when (exception.Error == EtcdError.RequestTooLarge)
            {
                _batch[0].Fail(exception);
                _batch.RemoveAt(0);
            }
            catch (Exception exception)
            {
                foreach (var write in _batch)
                {
                    write.Fail(exception);
                }

                _batch.Clear();
            }
        }
    }

    /// <summary>Decides writes from the first one on and commits them; returns with how many of them it is through.</summary>
    private async Task<int> Run(List<PendingWrite> batch, int maxWrites, bool decidesLarge)
    {
        for (var refusals = 0; refusals < MaxRefusals; refusals++)
        {
            var start = Stopwatch.GetTimestamp();
            using var view = _replica.View();
            var evaluation = new BatchEvaluation(view, decidesLarge, _options.MaxBatchChanges);
            List<ActivityContext>? sampled = null;
            List<PendingWrite>? large = null;
            var most = refusals < RefusalsBeforeSingles ? Math.Min(batch.Count, maxWrites) : 1;
            var count = 0;
            while (count < most && evaluation.ChangeCount < _options.MaxBatchChanges && evaluation.SupersededBytes < _options.MaxBatchBytes)
            {
                var write = batch[count++];
                if (!write.TryDecide(evaluation))
                {
                    (large ??= []).Add(write);
                }
                else if (write.Trace != default)
                {
                    (sampled ??= []).Add(write.Trace);
                }
            }

            var decided = Stopwatch.GetTimestamp();
            KeyRangeMetrics.BatchRequests.Record(batch.Count);
            KeyRangeMetrics.Evaluation.Record(Stopwatch.GetElapsedTime(start, decided).TotalSeconds);

            // Who changed nothing may have read what this batch is about to write: all answers wait for the commit.
            if (evaluation.IsIdle
                || await _log.Append(new CommitBatch(evaluation, view.State.AppliedIndex, _term, view.State.Ranges!.Version, null, sampled ?? [])) == AppendOutcome.Committed)
            {
                KeyRangeMetrics.Commit.Record(Stopwatch.GetElapsedTime(decided).TotalSeconds);
                _large.Note(evaluation);
                for (var i = 0; i < count; i++)
                {
                    if (large?.Contains(batch[i]) != true)
                    {
                        batch[i].Answer();
                    }
                }

                large?.ForEach(_large.Add);
                _large.Decide();
                return count;
            }

            KeyRangeMetrics.Refused.Add(1);
        }

        throw new EtcdException(EtcdError.Timeout);
    }

    /// <summary>Commits a large deletion that is decided, between two batches; decides it anew if they have changed what it rests on.</summary>
    private async Task Finish(LargeDeletion large)
    {
        var write = large.Write;
        using (large)
        {
            try
            {
                if (large.Evaluation.IsIdle || (!large.IsOutdated && await Append(large)))
                {
                    write.Answer();
                    return;
                }

                KeyRangeMetrics.Refused.Add(1);
                if (++write.Attempts < LargeDeletion.MaxAttempts)
                {
                    _large.Add(write);
                    _large.Decide();
                }
                else
                {
                    await Run([write], 1, decidesLarge: true);
                }
            }
            catch (Exception exception)
            {
                write.Fail(exception);
            }
        }
    }

    private async Task<bool> Append(LargeDeletion large)
    {
        var state = large.View.State;
        var batch = new CommitBatch(
            large.Evaluation, state.AppliedIndex, _term, state.Ranges!.Version, null, large.Write.Trace == default ? [] : [large.Write.Trace]);
        if (await _log.Append(batch) != AppendOutcome.Committed)
        {
            return false;
        }

        _large.Note(large.Evaluation);
        return true;
    }
}
