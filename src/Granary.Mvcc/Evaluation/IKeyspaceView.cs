using Google.Protobuf;
using Granary.Mvcc.Auth;
using Granary.Mvcc.Keys;
using Granary.Protos;

namespace Granary.Mvcc.Evaluation;

/// <summary>One consistent state of the keyspace with its whole uncompacted history.</summary>
public interface IKeyspaceView
{
    /// <summary>The store's revision in this state.</summary>
    long Revision { get; }

    /// <summary>The revision of the last compaction, or -1 when there was none.</summary>
    long CompactedRevision { get; }

    /// <summary>Whether an alarm of this kind is up in this state.</summary>
    bool HasAlarm(AlarmType kind);

    /// <summary>Users, roles and whether authentication is on, in this state.</summary>
    AuthState Auth { get; }

    /// <summary>Whether a lease exists in this state.</summary>
    bool HasLease(long id);

    /// <summary>The keys attached to a lease in this state, in key order, the first <paramref name="max"/> of them.</summary>
    IReadOnlyList<ByteString> AttachedKeys(long lease, int max = int.MaxValue);

    /// <summary>
    /// The first key at or behind <paramref name="from"/> that is attached to a lease in this state, or null. Where very many of them have just
    /// been deleted it may be one of those.
    /// </summary>
    ByteString? NextAttached(long lease, ByteString from);

    /// <summary>
    /// Whether it takes more than a moment to find the keys attached to a lease, since there are very many of them, or the store still shows
    /// very many that were deleted.
    /// </summary>
    bool HasVeryManyAttached(long lease);

    /// <summary>How many keys are attached to a lease in this state, and which range they are in.</summary>
    AttachedCount CountAttached(long lease, CancellationToken cancellationToken);

    /// <summary>The pair that <paramref name="key"/> has at <paramref name="revision"/>, or null. Not to be changed by the caller.</summary>
    KeyValue? Find(ByteString key, long revision);

    /// <summary>The pairs of <paramref name="keys"/> at <paramref name="revision"/>, in key order.</summary>
    IPairCursor Scan(KeyRange keys, long revision);

    /// <summary>How many keys there are at <paramref name="revision"/>, as far as that is known without a scan.</summary>
    KeyCount Counted(KeyRange keys, long revision) => new(0, [keys]);

    /// <summary>Is told what a scan of <paramref name="keys"/> at <paramref name="revision"/> has counted, for those who ask later.</summary>
    void Remember(KeyRange keys, long revision, IReadOnlyList<CountedPart> parts)
    {
    }
}
