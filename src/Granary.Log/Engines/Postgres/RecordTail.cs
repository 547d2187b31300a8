namespace Granary.Log.Engines.Postgres;

/// <summary>The newest records of a leader's log in memory, bounded in bytes, for those who follow it. One thread adds; any number read.</summary>
/// <param name="lastIndex">The record before the first one that is added.</param>
public sealed class RecordTail(long lastIndex)
{
    private const long MostBytes = 32 << 20;

    // Of one answer to a follower: it comes again at once.
    private const long BytesPerRead = 4 << 20;

    private readonly Lock _gate = new();
    private readonly Queue<byte[]> _records = new();
    private long _last = lastIndex;
    private long _bytes;
    private TaskCompletionSource _added = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Adds records that are durable, behind those that are there.</summary>
    public void Add(long first, IReadOnlyList<byte[]> records)
    {
        TaskCompletionSource added;
        lock (_gate)
        {
            if (first != _last + 1)
            {
                throw new InvalidOperationException($"Record {first} does not follow on from record {_last}.");
            }

            foreach (var record in records)
            {
                _records.Enqueue(record);
                _bytes += record.Length;
            }

            _last += records.Count;
            while (_bytes > MostBytes)
            {
                _bytes -= _records.Dequeue().Length;
            }

            (added, _added) = (_added, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        }

        added.TrySetResult();
    }

    /// <summary>The records behind one, some of them at least: it waits a while for the first. None when there is none; null when it is not kept any more.</summary>
    public async ValueTask<byte[][]?> Read(long after, TimeSpan patience, CancellationToken cancellationToken)
    {
        Task added;
        lock (_gate)
        {
            if (_last != after)
            {
                return Behind(after);
            }

            added = _added.Task;
        }

        await added.WaitAsync(patience, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        cancellationToken.ThrowIfCancellationRequested();
        lock (_gate)
        {
            return Behind(after);
        }
    }

    private byte[][]? Behind(long after)
    {
        var known = after - (_last - _records.Count);
        if (known < 0 || after > _last)
        {
            return null;
        }

        var read = new List<byte[]>();
        var bytes = 0L;
        foreach (var record in _records.Skip((int)known))
        {
            read.Add(record);
            bytes += record.Length;
            if (bytes >= BytesPerRead)
            {
                break;
            }
        }

        return [.. read];
    }
}
