using Granary.Mvcc.Errors;

namespace Granary.Grains.KeyRanges;

/// <summary>
/// Writes in the order in which they came. Bounded in number and bytes, so that a stalled log pushes back on clients; the last one may go beyond
/// the bytes, since a single write may be larger than they are.
/// </summary>
internal sealed class WriteQueue(int maxRequests, long maxBytes, int maxBatchBytes)
{
    private readonly Queue<PendingWrite> _waiting = new();
    private long _bytes;

    public int Count => _waiting.Count;

    /// <exception cref="EtcdException">The queue is full.</exception>
    public void Enqueue(PendingWrite write)
    {
        if (_waiting.Count >= maxRequests || _bytes >= maxBytes)
        {
            throw new EtcdException(EtcdError.TooManyRequests);
        }

        _waiting.Enqueue(write);
        _bytes += write.SizeBytes;
        KeyRangeMetrics.Queued.Add(1);
    }

    /// <summary>The next batch: in order, without those whose caller has left, one write at least.</summary>
    public void TakeBatch(List<PendingWrite> batch)
    {
        var bytes = 0;
        while (_waiting.TryPeek(out var next) && (batch.Count == 0 || bytes + next.SizeBytes <= maxBatchBytes))
        {
            _waiting.Dequeue();
            _bytes -= next.SizeBytes;
            KeyRangeMetrics.Queued.Add(-1);
            if (!next.TryTake())
            {
                KeyRangeMetrics.Dropped.Add(1);
                continue;
            }

            bytes += next.SizeBytes;
            batch.Add(next);
        }
    }

    public void FailAll(Exception exception)
    {
        while (_waiting.TryDequeue(out var write))
        {
            KeyRangeMetrics.Queued.Add(-1);
            write.Fail(exception);
        }

        _bytes = 0;
    }
}
