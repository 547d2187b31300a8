using System.Diagnostics;
using System.Diagnostics.Metrics;
using Google.Protobuf;
using Granary.Grains.Hosting;
using Granary.Grains.Placement;
using Granary.Grains.Tracing;
using Granary.Log.Commits;
using Granary.Mvcc.Errors;
using Granary.Mvcc.Evaluation;
using Granary.Protos;
using Granary.Storage.Replicas;
using Orleans.Concurrency;

namespace Granary.Grains.KeyRanges;

/// <summary>
/// Owns the writes of one range of the keyspace for one term of leadership: takes what waits as a batch, has it decided,
/// hands it to the log, answers. One batch is in flight at a time; calls interleave only to join the queue.
/// </summary>
[Reentrant, KeepAlive, LeaderPlacement]
internal sealed class KeyRangeGrain(Replica replica, ICommitLog log, LatchTable latches, KeyRangeOptions options) : Grain, IKeyRangeGrain
{
    // After so many refusals a batch goes on one request at a time: what it relied on of itself no longer matters then.
    private const int RefusalsBeforeSingles = 3;
    private const int MaxRefusals = 100;

    private readonly WriteQueue _waiting = new(options.MaxQueuedRequests, options.MaxQueuedBytes, options.MaxBatchBytes);
    private readonly List<PendingWrite> _batch = [];

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
        _waiting.FailAll(new EtcdException(EtcdError.Stopped));
        await _pump;
    }

    public async ValueTask<PutResponse> Put(PutRequest request, CancellationToken cancellationToken) =>
        (PutResponse)await Submit(request, request.Key.Length + request.Value.Length, cancellationToken);

    public async ValueTask<DeleteRangeResponse> DeleteRange(DeleteRangeRequest request, CancellationToken cancellationToken) =>
        (DeleteRangeResponse)await Submit(request, request.Key.Length + request.RangeEnd.Length, cancellationToken);

    public async ValueTask<TxnResponse> Txn(TxnRequest request, CancellationToken cancellationToken) =>
        (TxnResponse)await Submit(request, request.CalculateSize(), cancellationToken, KeyRangeMetrics.Txns);

    public async ValueTask<LeaseGrantResponse> Grant(LeaseGrantRequest request, CancellationToken cancellationToken) =>
        (LeaseGrantResponse)await Submit(request, request.CalculateSize(), cancellationToken);

    public async ValueTask<LeaseRevokeResponse> Revoke(LeaseRevokeRequest request, CancellationToken cancellationToken) =>
        (LeaseRevokeResponse)await Submit(request, request.CalculateSize(), cancellationToken);

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

    private async Task<IMessage> Submit(IMessage request, int sizeBytes, CancellationToken cancellationToken, Counter<long>? answered = null)
    {
        using var write = new PendingWrite(request, sizeBytes, GrainTrace.Caller(), cancellationToken);
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
            }

            _waiting.TakeBatch(_batch);
            if (_batch.Count == 0)
            {
                if (_latchQueue.Count == 0 && _waiting.Count == 0)
                {
                    return;
                }

                continue;
            }

            try
            {
                await Run(_batch);
            }
            catch (Exception exception)
            {
                foreach (var write in _batch)
                {
                    write.Fail(exception);
                }
            }

            _batch.Clear();
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

    private async Task Run(List<PendingWrite> batch)
    {
        for (var refusals = 0; refusals < MaxRefusals; refusals++)
        {
            if (refusals >= RefusalsBeforeSingles && batch.Count > 1)
            {
                foreach (var write in batch)
                {
                    await Run([write]);
                }

                return;
            }

            var start = Stopwatch.GetTimestamp();
            using var view = replica.View();
            var evaluation = new BatchEvaluation(view);
            List<ActivityContext>? sampled = null;
            foreach (var write in batch)
            {
                write.Decide(evaluation);
                if (write.Caller != default)
                {
                    (sampled ??= []).Add(write.Caller);
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
                foreach (var write in batch)
                {
                    write.Answer();
                }

                return;
            }

            KeyRangeMetrics.Refused.Add(1);
        }

        throw new EtcdException(EtcdError.Timeout);
    }

    private sealed class LatchRequest(Guid id, CancellationToken cancellationToken)
    {
        public Guid Id => id;

        public CancellationToken CancellationToken => cancellationToken;

        public TaskCompletionSource Granted { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public TaskCompletionSource Released { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
