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
internal sealed class KeyRangeGrain(Replica replica, ICommitLog log, LatchTable latches, ForwardedCalls forwarded, KeyRangeOptions options) : Grain, IKeyRangeGrain
{
    // After so many refusals a batch goes on one request at a time: what it relied on of itself no longer matters then.
    private const int RefusalsBeforeSingles = 3;
    private const int MaxRefusals = 100;

    // Each takes a core.
    private const int MaxDecidingBeside = 2;

    // So many large deletions may wait to be decided; one more is turned away.
    private const int MaxUndecided = 64;

    private readonly WriteQueue _waiting = new(options.MaxQueuedRequests, options.MaxQueuedBytes, options.MaxBatchBytes);
    private readonly List<PendingWrite> _batch = [];

    // Large deletions: those that wait, those that are being decided, and those that are and wait for their turn.
    private readonly Queue<PendingWrite> _undecided = new();
    private readonly List<LargeDeletion> _deciding = [];
    private readonly Queue<LargeDeletion> _decided = new();
    private Task _decisions = Task.CompletedTask;

    // Until the replica has room for another one.
    private Task _room = Task.CompletedTask;

    // From now on nothing begins to wait any more.
    private bool _isStopping;

    // Those who want to stop the range, first come first served; the first of the queue is the holder once _isLatched.
    private readonly Queue<LatchRequest> _latchQueue = new();
    private bool _isLatched;
    private Task _pump = Task.CompletedTask;
    private long _term;

    public override Task OnActivateAsync(CancellationToken cancellationToken)
    {
        _term = KeyRangeGrainKey.Term(this.GetPrimaryKeyString());
        return Task.CompletedTask;
    }

    public override async Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken)
    {
        _isStopping = true;
        _waiting.FailAll(new EtcdException(EtcdError.Stopped));
        while (_undecided.TryDequeue(out var write))
        {
            write.Fail(new EtcdException(EtcdError.Stopped));
        }

        var holder = _isLatched ? _latchQueue.Dequeue() : null;
        while (_latchQueue.TryDequeue(out var request))
        {
            request.Granted.TrySetException(new EtcdException(EtcdError.Stopped));
        }

        if (holder is not null)
        {
            _latchQueue.Enqueue(holder);
        }

        // What is under way goes to its end. A decision sets the pump going, and the pump no longer begins a decision.
        await _decisions;
        await _pump;
    }

    public async ValueTask<PutResponse> Put(PutRequest request, Caller caller, CancellationToken cancellationToken) =>
        (PutResponse)await Submit(request, caller, request.Key.Length + request.Value.Length, cancellationToken);

    public async ValueTask<DeleteRangeResponse> DeleteRange(DeleteRangeRequest request, Caller caller, CancellationToken cancellationToken) =>
        (DeleteRangeResponse)await Submit(request, caller, request.Key.Length + request.RangeEnd.Length, cancellationToken);

    public async ValueTask<TxnResponse> Txn(TxnRequest request, Caller caller, CancellationToken cancellationToken) =>
        (TxnResponse)await Submit(request, caller, request.CalculateSize(), cancellationToken, KeyRangeMetrics.Txns);

    public async ValueTask<LeaseGrantResponse> Grant(LeaseGrantRequest request, Caller caller, CancellationToken cancellationToken) =>
        (LeaseGrantResponse)await Submit(request, caller, request.CalculateSize(), cancellationToken);

    public async ValueTask<LeaseRevokeResponse> Revoke(LeaseRevokeRequest request, Caller caller, CancellationToken cancellationToken) =>
        (LeaseRevokeResponse)await Submit(request, caller, request.CalculateSize(), cancellationToken);

    public async ValueTask Latch(Guid latch, CancellationToken cancellationToken)
    {
        var request = new LatchRequest(latch, cancellationToken);
        _latchQueue.Enqueue(request);
        PumpIfIdle();
        await request.Granted.Task;
    }

    public ValueTask Release(Guid latch)
    {
        if (_isLatched && _latchQueue.TryPeek(out var holder) && holder.Id == latch)
        {
            _latchQueue.Dequeue();
            _isLatched = false;
            holder.Released.TrySetResult();
        }

        return default;
    }

    private async Task<IMessage> Submit(IMessage request, Caller caller, int sizeBytes, CancellationToken cancellationToken, Counter<long>? answered = null)
    {
        // What comes to nothing says something about now as well.
        await log.Prove(cancellationToken);
        forwarded.MakeOnce();
        using var write = new PendingWrite(request, caller, sizeBytes, GrainTrace.Caller(), cancellationToken);
        _waiting.Enqueue(write);
        PumpIfIdle();
        KeyRangeMetrics.ActiveCalls.Add(1);
        try
        {
            var answer = await write.Completion;
            answered?.Add(1);
            return answer;
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
            if (_latchQueue.Count > 0)
            {
                await HoldStill();
                NoteHolder();
            }

            if (_decided.TryDequeue(out var large))
            {
                await Finish(large);
            }

            _waiting.TakeBatch(_batch);
            if (_batch.Count == 0)
            {
                if (_decided.Count == 0 && _latchQueue.Count == 0 && _waiting.Count == 0)
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

    /// <summary>Grants the latch to the next in the queue and waits until it is released or expires.</summary>
    private async Task HoldStill()
    {
        var holder = _latchQueue.Peek();
        if (holder.CancellationToken.IsCancellationRequested)
        {
            _latchQueue.Dequeue();
            holder.Granted.TrySetCanceled(holder.CancellationToken);
            return;
        }

        _isLatched = true;
        holder.Granted.TrySetResult();
        while (true)
        {
            await Task.WhenAny(holder.Released.Task, Task.Delay(options.LatchCheckInterval));
            if (holder.Released.Task.IsCompleted)
            {
                return;
            }

            if (latches.TryExpire(holder.Id))
            {
                _latchQueue.Dequeue();
                _isLatched = false;
                return;
            }
        }
    }

    /// <summary>Decides writes from the first one on and commits them; returns with how many of them it is through.</summary>
    private async Task<int> Run(List<PendingWrite> batch, int maxWrites, bool decidesLarge)
    {
        for (var refusals = 0; refusals < MaxRefusals; refusals++)
        {
            var start = Stopwatch.GetTimestamp();
            using var view = replica.View();
            var evaluation = new BatchEvaluation(view, decidesLarge, options.MaxBatchChanges);
            List<ActivityContext>? sampled = null;
            List<PendingWrite>? large = null;
            var most = refusals < RefusalsBeforeSingles ? Math.Min(batch.Count, maxWrites) : 1;
            var count = 0;
            while (count < most && evaluation.ChangeCount < options.MaxBatchChanges && evaluation.SupersededBytes < options.MaxBatchBytes)
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
                || await log.Append(new CommitBatch(evaluation, view.State.AppliedIndex, _term, view.State.Ranges!.Version, null, sampled ?? [])) == AppendOutcome.Committed)
            {
                KeyRangeMetrics.Commit.Record(Stopwatch.GetElapsedTime(decided).TotalSeconds);
                if (_deciding.Count + _decided.Count > 0)
                {
                    NoteWritten(evaluation);
                }

                for (var i = 0; i < count; i++)
                {
                    if (large?.Contains(batch[i]) != true)
                    {
                        batch[i].Answer();
                    }
                }

                large?.ForEach(WaitForDecision);
                DecideBeside();
                return count;
            }

            KeyRangeMetrics.Refused.Add(1);
        }

        throw new EtcdException(EtcdError.Timeout);
    }

    private void WaitForDecision(PendingWrite write)
    {
        if (_isStopping)
        {
            write.Fail(new EtcdException(EtcdError.Stopped));
        }
        else if (_undecided.Count < MaxUndecided)
        {
            _undecided.Enqueue(write);
        }
        else
        {
            write.Fail(new EtcdException(EtcdError.TooManyRequests));
        }
    }

    private void DecideBeside()
    {
        if (_undecided.Count == 0 || !_room.IsCompleted)
        {
            return;
        }

        var room = replica.WaitForRoom();
        if (!room.IsCompleted)
        {
            _room = DecideBesideAfter(room);
            return;
        }

        while (_deciding.Count < MaxDecidingBeside && _undecided.TryDequeue(out var write))
        {
            var large = new LargeDeletion(write, replica.View(), options.MaxBatchChanges);
            _deciding.Add(large);
            _decisions = Task.WhenAll(_decisions, Decide(large));
        }
    }

    private async Task DecideBesideAfter(Task room)
    {
        await room;
        _room = Task.CompletedTask;
        DecideBeside();
    }

    private async Task Decide(LargeDeletion large)
    {
        // Never at once: it is begun from within the pump, which may not be begun anew from there.
        await large.Decide().ConfigureAwait(ConfigureAwaitOptions.ForceYielding | ConfigureAwaitOptions.ContinueOnCapturedContext);
        _deciding.Remove(large);
        _decided.Enqueue(large);
        DecideBeside();
        PumpIfIdle();
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
                    WaitForDecision(write);
                    DecideBeside();
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
        if (await log.Append(batch) != AppendOutcome.Committed)
        {
            return false;
        }

        NoteWritten(large.Evaluation);
        return true;
    }

    /// <summary>What the holder of the latch has written is known from the replica alone.</summary>
    private void NoteHolder()
    {
        if (_deciding.Count + _decided.Count > 0)
        {
            using var now = replica.View();
            foreach (var large in _deciding.Concat(_decided))
            {
                large.Note(now);
            }
        }
    }

    private void NoteWritten(BatchEvaluation written)
    {
        foreach (var large in _deciding.Concat(_decided))
        {
            large.Note(written);
        }
    }

    private sealed class LatchRequest(Guid id, CancellationToken cancellationToken)
    {
        public Guid Id => id;

        public CancellationToken CancellationToken => cancellationToken;

        public TaskCompletionSource Granted { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public TaskCompletionSource Released { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
