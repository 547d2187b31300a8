using Granary.Mvcc.Errors;

namespace Granary.Log.Commits;

/// <summary>Records on their way into the log: anybody hands one over, and the log's thread takes all that wait at once.</summary>
internal sealed class WaitingRecords
{
    // Held to hand a record over; the log's thread waits on it.
    private readonly object _gate = new();
    private List<PendingRecord> _records = [];
    private bool _isStopped;
    private bool _isClosed;

    /// <summary>Hands a record over. It is answered at once when none are taken any more.</summary>
    public void Add(PendingRecord record)
    {
        lock (_gate)
        {
            if (!_isStopped && !_isClosed)
            {
                _records.Add(record);
                Monitor.Pulse(_gate);
                CommitLogMetrics.Pending.Add(1);
                return;
            }
        }

        record.Fail(new EtcdException(EtcdError.Stopped));
    }

    /// <summary>Has the log's thread look up though no record has come.</summary>
    public void Wake()
    {
        lock (_gate)
        {
            Monitor.Pulse(_gate);
        }
    }

    /// <summary>Lets no more in; those that wait can still be taken. Returns false when it was stopped before.</summary>
    public bool Stop()
    {
        lock (_gate)
        {
            if (_isStopped)
            {
                return false;
            }

            _isStopped = true;
            Monitor.Pulse(_gate);
            return true;
        }
    }

    /// <summary>Lets no more in: what waits now is all that there will be, and is to be refused.</summary>
    public void Close()
    {
        lock (_gate)
        {
            _isClosed = true;
        }
    }

    /// <summary>Takes all records that wait, and waits for one if there is none.</summary>
    /// <param name="group">An empty list, which is exchanged for one of the records. That is empty after a wait for nothing.</param>
    /// <param name="patience">How long to wait; asked anew whenever the thread looks up.</param>
    /// <returns>False when there is none and none will come.</returns>
    public bool Take(ref List<PendingRecord> group, Func<TimeSpan> patience)
    {
        lock (_gate)
        {
            while (_records.Count == 0)
            {
                if (_isStopped)
                {
                    return false;
                }

                if (!Monitor.Wait(_gate, patience()))
                {
                    break;
                }
            }

            (group, _records) = (_records, group);
            return true;
        }
    }

    /// <summary>Waits so long for a record, without taking it. Returns false when none will come.</summary>
    public bool WaitFor(TimeSpan time)
    {
        lock (_gate)
        {
            if (!_isStopped && _records.Count == 0)
            {
                Monitor.Wait(_gate, time);
            }

            return !_isStopped;
        }
    }

    /// <summary>Answers all that wait, none of which was written; returns how many they are.</summary>
    public int Refuse(EtcdError error)
    {
        List<PendingRecord> refused;
        lock (_gate)
        {
            (refused, _records) = (_records, []);
        }

        foreach (var record in refused)
        {
            record.Fail(new EtcdException(error));
        }

        CommitLogMetrics.Pending.Add(-refused.Count);
        return refused.Count;
    }
}
