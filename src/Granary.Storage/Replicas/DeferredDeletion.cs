using System.Buffers.Binary;
using System.Collections.Immutable;
using Google.Protobuf;
using Granary.Mvcc.Evaluation;
using Granary.Mvcc.Keys;
using Granary.Storage.Stores;

namespace Granary.Storage.Replicas;

/// <summary>
/// How far a bulk deletion has got on its way into the store. It is visible as a whole while the store still has the pairs: they leave it
/// a few at a time, in key order, so that no other commit waits for all of them. A pair that it covers and that is older than its revision
/// is hidden for as long as the store shows it. All of this is in the store itself as well, for a start after a crash.
/// </summary>
/// <param name="Revision">The revision of the commit.</param>
/// <param name="FirstSub">The sub-revision of its first key.</param>
/// <param name="Deletion">Which keys.</param>
internal sealed record DeferredDeletion(long Revision, int FirstSub, BulkDeletion Deletion)
{
    /// <summary>The first key that the store may still have to do with.</summary>
    public ByteString Position { get; init; } = ByteString.Empty;

    /// <summary>The sub-revision of the next key.</summary>
    public int NextSub { get; init; } = FirstSub;

    /// <summary>
    /// Keys from <see cref="Position"/> on whose pair has left already, since they were written again, with that pair's mod revision:
    /// only their event, which has its place among the others, is still to come.
    /// </summary>
    public ImmutableSortedDictionary<ByteString, long> Moved { get; init; } =
        ImmutableSortedDictionary.Create<ByteString, long>(KeyComparer.Instance);

    /// <summary>The sub-revision behind its last key.</summary>
    public int EndSub => FirstSub + Deletion.Count;

    private static ReadOnlySpan<byte> Prefix => "bulk deletion"u8;

    private static ReadOnlySpan<byte> MovedPrefix => "deleted key"u8;

    /// <summary>Whether a pair that the store shows as the newest of its key was deleted at a revision, or before it.</summary>
    public static bool Hide(IReadOnlyList<DeferredDeletion> deferred, ReadOnlySpan<byte> key, long modRevision, long lease, long revision)
    {
        var at = Find(deferred, key, modRevision, lease);
        return at >= 0 && deferred[at].Revision <= revision;
    }

    /// <summary>Which of several, by revision, has deleted a pair that the store shows as the newest of its key; -1 if none has.</summary>
    public static int Find(IReadOnlyList<DeferredDeletion> deferred, ReadOnlySpan<byte> key, long modRevision, long lease)
    {
        for (var i = 0; i < deferred.Count; i++)
        {
            if (modRevision < deferred[i].Revision && deferred[i].Deletion.Covers(key, lease))
            {
                return i;
            }
        }

        return -1;
    }

    /// <summary>Those that are in a store, by revision.</summary>
    public static IReadOnlyList<DeferredDeletion> Load(IStoreSnapshot snapshot)
    {
        var loaded = new List<DeferredDeletion>();
        using var cursor = snapshot.Scan(Family.Meta, Key(Prefix, 0, 0), Key(Prefix, -1, -1));
        while (cursor.MoveNext())
        {
            var revision = BinaryPrimitives.ReadInt64BigEndian(cursor.Key[Prefix.Length..]);
            var firstSub = BinaryPrimitives.ReadInt32BigEndian(cursor.Key[(Prefix.Length + 8)..]);
            var reader = new ByteReader(cursor.Value);
            var nextSub = (int)reader.Varint();
            var position = ByteString.CopyFrom(reader.LengthAndBytes());
            loaded.Add(new DeferredDeletion(revision, firstSub, BulkDeletionCodec.Read(ref reader))
            {
                Position = position,
                NextSub = nextSub,
                Moved = LoadMoved(snapshot, revision, firstSub, position),
            });
        }

        return loaded;
    }

    /// <summary>What the store has not done with: a cursor over the keys in their order.</summary>
    /// <param name="snapshot">The store in the state that this is a part of.</param>
    /// <param name="deferred">All that are on their way in that state.</param>
    public DeferredCursor Remaining(IStoreSnapshot snapshot, IReadOnlyList<DeferredDeletion> deferred) => new(this, Position, snapshot, deferred);

    /// <summary>The events that the store has not yet, from a place on.</summary>
    public IEnumerable<StoredEvent> Events(IStoreSnapshot snapshot, IReadOnlyList<DeferredDeletion> deferred, EventPlace from)
    {
        var isWithin = from.Revision == Revision && from.Sub > NextSub;
        using var cursor = isWithin ? new DeferredCursor(this, KeyRange.Successor(from.Before!), snapshot, deferred) : Remaining(snapshot, deferred);
        for (var sub = isWithin ? from.Sub : NextSub; cursor.MoveNext(); sub++)
        {
            yield return new StoredEvent(Revision, sub, true, cursor.Key, cursor.ModRevision);
        }
    }

    /// <summary>Notes in the store how far it is.</summary>
    public void Store(IStoreBatch batch, ByteWriter scratch)
    {
        scratch.Clear();
        scratch.Varint(NextSub);
        scratch.LengthAndBytes(Position.Span);
        BulkDeletionCodec.Write(scratch, Deletion);
        batch.Put(Family.Meta, Key(Prefix, Revision, FirstSub), scratch.Written);
    }

    /// <summary>Notes in the store that the pair of a key has left before its turn.</summary>
    public void StoreMoved(IStoreBatch batch, ByteWriter scratch, ByteString key, long modRevision)
    {
        scratch.Clear();
        scratch.Varint(modRevision);
        batch.Put(Family.Meta, [.. Key(MovedPrefix, Revision, FirstSub), .. key.Span], scratch.Written);
    }

    /// <summary>Notes in the store that all is done.</summary>
    public void Forget(IStoreBatch batch)
    {
        batch.Delete(Family.Meta, Key(Prefix, Revision, FirstSub));
        batch.DeleteRange(Family.Meta, Key(MovedPrefix, Revision, FirstSub), Key(MovedPrefix, Revision, FirstSub + 1));
    }

    private static ImmutableSortedDictionary<ByteString, long> LoadMoved(IStoreSnapshot snapshot, long revision, int firstSub, ByteString position)
    {
        var moved = ImmutableSortedDictionary.CreateBuilder<ByteString, long>(KeyComparer.Instance);
        var prefix = Key(MovedPrefix, revision, firstSub);
        using var cursor = snapshot.Scan(Family.Meta, [.. prefix, .. position.Span], Key(MovedPrefix, revision, firstSub + 1));
        while (cursor.MoveNext())
        {
            moved.Add(ByteString.CopyFrom(cursor.Key[prefix.Length..]), new ByteReader(cursor.Value).Varint());
        }

        return moved.ToImmutable();
    }

    private static byte[] Key(ReadOnlySpan<byte> prefix, long revision, int firstSub)
    {
        var key = new byte[prefix.Length + 12];
        prefix.CopyTo(key);
        BinaryPrimitives.WriteInt64BigEndian(key.AsSpan(prefix.Length), revision);
        BinaryPrimitives.WriteInt32BigEndian(key.AsSpan(prefix.Length + 8), firstSub);
        return key;
    }
}
