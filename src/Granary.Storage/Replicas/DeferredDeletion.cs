using System.Buffers.Binary;
using Google.Protobuf;
using Granary.Mvcc.Evaluation;
using Granary.Mvcc.Keys;
using Granary.Protos;
using Granary.Storage.Stores;

namespace Granary.Storage.Replicas;

/// <summary>
/// A commit that deletes many keys, on its way into the store: it is visible as a whole, while the store still has the pairs. They leave
/// it a few at a time, so that no other commit waits for all of them. A deleted pair is hidden for as long as the store shows it, at the
/// mod revision at which it was deleted, as the newest of its key. What is to be done is in the store itself, for a start after a crash.
/// </summary>
internal sealed class DeferredDeletion
{
    private const int ChangesPerChunk = 1024;

    // In key order. The superseded pair is null where the store had done with it when it was opened.
    private readonly IReadOnlyList<Effect> _changes;

    // Known only to the one that applies: what the store has done with already.
    private readonly bool[] _isApplied;
    private int _next;

    /// <param name="revision">The revision of the commit.</param>
    /// <param name="changes">Its changes, deletions in key order, each with the pair that it superseded.</param>
    public DeferredDeletion(long revision, IReadOnlyList<Effect> changes)
    {
        Revision = revision;
        _changes = changes;
        _isApplied = new bool[changes.Count];
    }

    public long Revision { get; }

    /// <summary>Whether a commit is nothing but deletions in key order.</summary>
    public static bool Suits(IReadOnlyList<Effect> commit)
    {
        for (var i = 0; i < commit.Count; i++)
        {
            if (!commit[i].IsDelete || (i > 0 && KeyRange.Compare(commit[i - 1].Pair.Key, commit[i].Pair.Key) >= 0))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Those that are in a store, by revision.</summary>
    public static IReadOnlyList<DeferredDeletion> Load(IStoreSnapshot snapshot)
    {
        var loaded = new List<DeferredDeletion>();
        var changes = new List<Effect>();
        var revision = 0L;
        using var cursor = snapshot.Scan(Family.Meta, ChunkKey(0, 0), ChunkKey(-1, -1));
        while (cursor.MoveNext())
        {
            var next = BinaryPrimitives.ReadInt64BigEndian(cursor.Key[Prefix.Length..]);
            if (next != revision)
            {
                Complete();
                revision = next;
            }

            var reader = new ByteReader(cursor.Value);
            while (!reader.IsAtEnd)
            {
                var previousModRevision = reader.Varint();
                var key = ByteString.CopyFrom(reader.LengthAndBytes());
                var newest = snapshot.Read(Family.Latest, key.Span, key, static (stored, key) => PairCodec.Read(stored, key));
                changes.Add(new Effect(
                    true,
                    new KeyValue { Key = key, ModRevision = revision },
                    previousModRevision,
                    newest?.ModRevision == previousModRevision ? newest : null));
            }
        }

        Complete();
        return loaded;

        void Complete()
        {
            if (changes.Count > 0)
            {
                var deletion = new DeferredDeletion(revision, [.. changes]);
                for (var i = 0; i < changes.Count; i++)
                {
                    deletion._isApplied[i] = changes[i].Previous is null;
                }

                loaded.Add(deletion);
                changes.Clear();
            }
        }
    }

    /// <summary>Whether it has deleted the pair that a key has at a mod revision.</summary>
    public bool Hides(ReadOnlySpan<byte> key, long modRevision) =>
        modRevision < Revision && Find(key) is >= 0 and var at && _changes[at].PreviousModRevision == modRevision;

    public IEnumerable<StoredEvent> Events()
    {
        for (var sub = 0; sub < _changes.Count; sub++)
        {
            yield return new StoredEvent(Revision, sub, true, _changes[sub].Pair.Key, _changes[sub].PreviousModRevision);
        }
    }

    /// <summary>Notes in the store what is to be done.</summary>
    public void Store(IStoreBatch batch, ByteWriter scratch)
    {
        for (var first = 0; first < _changes.Count; first += ChangesPerChunk)
        {
            scratch.Clear();
            for (var i = first; i < Math.Min(first + ChangesPerChunk, _changes.Count); i++)
            {
                scratch.Varint(_changes[i].PreviousModRevision);
                scratch.LengthAndBytes(_changes[i].Pair.Key.Span);
            }

            batch.Put(Family.Meta, ChunkKey(Revision, first), scratch.Written);
        }
    }

    /// <summary>Notes in the store that all is done.</summary>
    public void Forget(IStoreBatch batch) => batch.DeleteRange(Family.Meta, ChunkKey(Revision, 0), ChunkKey(Revision, -1));

    /// <summary>Takes the next change that the store has not done with; false when there is none left.</summary>
    public bool TryTakeNext(out Effect change, out int sub)
    {
        while (_next < _changes.Count)
        {
            sub = _next++;
            if (!_isApplied[sub])
            {
                _isApplied[sub] = true;
                change = _changes[sub];
                return true;
            }
        }

        (change, sub) = (default, 0);
        return false;
    }

    /// <summary>Takes the change of a key that is about to be written again, if the store has not done with it.</summary>
    public bool TryTake(ReadOnlySpan<byte> key, out Effect change, out int sub)
    {
        sub = Find(key);
        if (sub >= 0 && !_isApplied[sub])
        {
            _isApplied[sub] = true;
            change = _changes[sub];
            return true;
        }

        change = default;
        return false;
    }

    private static ReadOnlySpan<byte> Prefix => "deleting"u8;

    private static byte[] ChunkKey(long revision, int first)
    {
        var key = new byte[Prefix.Length + 12];
        Prefix.CopyTo(key);
        BinaryPrimitives.WriteInt64BigEndian(key.AsSpan(Prefix.Length), revision);
        BinaryPrimitives.WriteInt32BigEndian(key.AsSpan(Prefix.Length + 8), first);
        return key;
    }

    /// <summary>The place of a key, or less than 0.</summary>
    private int Find(ReadOnlySpan<byte> key)
    {
        var (low, high) = (0, _changes.Count - 1);
        while (low <= high)
        {
            var middle = (low + high) >>> 1;
            var order = _changes[middle].Pair.Key.Span.SequenceCompareTo(key);
            if (order == 0)
            {
                return middle;
            }

            (low, high) = order < 0 ? (middle + 1, high) : (low, middle - 1);
        }

        return -1;
    }
}
