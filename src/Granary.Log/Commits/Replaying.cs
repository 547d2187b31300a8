using Granary.Storage.Replicas;

namespace Granary.Log.Commits;

/// <summary>Applies records of a log to a replica that nobody serves from yet, many for each write of the store.</summary>
public sealed class Replaying(Replica replica)
{
    private const int RecordsPerPublish = 256;

    // What a crash may have to replay at most, where nobody else flushes.
    private const long FlushedBytes = 64 << 20;

    private long _bytes;

    /// <summary>The last record that was applied, visible or not.</summary>
    public long AppliedIndex { get; private set; } = replica.State.AppliedIndex;

    public Replica Replica => replica;

    /// <summary>The leader that wrote that record.</summary>
    public ulong LeaderId { get; private set; } = replica.State.LeaderId;

    public void Apply(long index, ReadOnlySpan<byte> record)
    {
        var decoded = LogRecord.Decode(record);
        replica.Apply(index, decoded);
        AppliedIndex = index;
        LeaderId = (decoded as TermRecord)?.LeaderId ?? LeaderId;
        _bytes += record.Length;
        if (index % RecordsPerPublish == 0)
        {
            Publish();
        }

        if (_bytes > FlushedBytes)
        {
            Publish();
            replica.Flush();
            _bytes = 0;
        }
    }

    /// <summary>Makes visible what is not yet.</summary>
    public void Publish()
    {
        if (replica.HasUnpublished)
        {
            replica.Publish();
        }
    }
}
