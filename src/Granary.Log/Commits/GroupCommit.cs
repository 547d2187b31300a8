using System.Buffers;
using System.Diagnostics;
using Granary.Log.Engines;
using Granary.Mvcc;
using Granary.Mvcc.Errors;
using Granary.Storage.Replicas;
using Granary.Storage.Stores;

namespace Granary.Log.Commits;

/// <summary>
/// Commits what waits as one group: gives each its place, writes all of it, flushes once, applies it to the replica and answers. Nothing is
/// answered or visible before it is durable. One thread commits at a time.
/// </summary>
internal sealed class GroupCommit
{
    private static readonly TimeSpan Slow = TimeSpan.FromMilliseconds(100);

    private readonly IRecordLog _records;
    private readonly Replica _replica;
    private readonly ReplicaFlush _replicaFlush;
    private readonly LogRoom _room;
    private readonly ByteWriter _encoded = new();
    private readonly Sequencer _sequencer;

    /// <summary>Takes over a log whose records have all been applied to the replica, and begins a new term in it.</summary>
    public GroupCommit(IRecordLog records, Replica replica, ReplicaFlush replicaFlush, LogRoom room, CommitLogOptions options)
    {
        _records = records;
        _replica = replica;
        _replicaFlush = replicaFlush;
        _room = room;
        BeginTerm(options);
        _sequencer = new Sequencer(replica.State);
    }

    /// <summary>Commits a group, and answers all of it.</summary>
    /// <exception cref="LogFailedException">It is unknown what of the group is durable. Nothing of it that had a place is answered.</exception>
    public void Commit(List<PendingRecord> group)
    {
        using var span = CommitSpan.Start(group);
        var begin = Stopwatch.GetTimestamp();
        var (commits, bytes) = Write(group);
        if (group.TrueForAll(static pending => pending.Record is null))
        {
            group.ForEach(static pending => (pending as PendingAuthChange)?.Commit());
            return;
        }

        var start = Stopwatch.GetTimestamp();
        CommitLogMetrics.Write.Record(Stopwatch.GetElapsedTime(begin, start).TotalSeconds);
        _records.Flush();
        var flushed = Stopwatch.GetTimestamp();
        CommitLogMetrics.Flush.Record(Stopwatch.GetElapsedTime(start, flushed).TotalSeconds);
        CommitLogMetrics.GroupCommits.Record(commits);
        CommitLogMetrics.Bytes.Add(bytes);
        _room.Suffices();

        Apply(group, span);
        CommitLogMetrics.Apply.Record(Stopwatch.GetElapsedTime(flushed).TotalSeconds);
        if (Stopwatch.GetElapsedTime(begin) > Slow)
        {
            CommitLogMetrics.SlowGroups.Add(1);
        }

        span?.SetTag("granary.revision", _sequencer.LastRevision);
        foreach (var pending in group)
        {
            if (pending.Record is not null || pending is PendingAuthChange)
            {
                pending.Commit();
            }
        }

        if (_replicaFlush.IsDue || _room.Disk != DiskRoom.Writes)
        {
            _replicaFlush.Begin();
        }
    }

    private void BeginTerm(CommitLogOptions options)
    {
        var state = _replica.State;
        var term = new TermRecord(
            options.Leadership?.Term ?? state.Term + 1,
            options.Leadership?.LeaderId ?? RandomId.New(),
            state.ClusterId != 0 ? state.ClusterId : RandomId.New(),
            options.Leadership?.MemberId ?? (state.MemberId != 0 ? state.MemberId : RandomId.New()),
            state.Ranges ?? options.InitialRanges);
        Encode(term);
        var index = AppendEncoded();
        _records.Flush();
        _replica.Apply(index, term);
        _replica.Publish();
        _records.Shown();
        if (state.ClusterId == 0)
        {
            // From now on the store knows that there was a log: should that ever be gone, it is missed.
            _replica.Flush();
        }
    }

    /// <summary>Writes what has a place, and refuses what has none.</summary>
    /// <returns>How many commits, and how many bytes of records.</returns>
    private (int Commits, long Bytes) Write(List<PendingRecord> group)
    {
        var commits = 0;
        var bytes = 0L;
        foreach (var pending in group)
        {
            if (_sequencer.Place(pending, _replica.State.Term, _room.Disk) is { } record)
            {
                Encode(record);
                if (_encoded.Written.Length > _records.MaxRecordBytes)
                {
                    pending.Fail(new EtcdException(EtcdError.RequestTooLarge));
                    continue;
                }

                try
                {
                    pending.Index = AppendEncoded();
                }
                catch (LogFullException exception)
                {
                    _room.Lacks(exception);
                    pending.Fail(new EtcdException(EtcdError.NoSpace));
                    continue;
                }

                pending.Record = record;
                bytes += _encoded.Written.Length;
                commits += _sequencer.Advance(pending, record, pending.Index);
            }
        }

        return (commits, bytes);
    }

    private void Apply(List<PendingRecord> group, Activity? span)
    {
        using (span is null ? null : CommitLogMetrics.Source.StartActivity("apply"))
        {
            foreach (var pending in group)
            {
                if (pending.Record is { } record)
                {
                    _replica.Apply(pending.Index, record);
                }
            }

            _replica.Publish(span?.Context ?? default);
        }

        _records.Shown();
    }

    private void Encode(LogRecord record)
    {
        _encoded.Clear();
        record.Encode(_encoded);
    }

    private long AppendEncoded()
    {
        _records.BeginRecord(_encoded.Written.Length).Write(_encoded.Written);
        _replicaFlush.Note(_encoded.Written.Length);
        return _records.EndRecord();
    }
}
