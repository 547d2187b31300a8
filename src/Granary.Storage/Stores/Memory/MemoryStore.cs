using System.Collections.Immutable;

namespace Granary.Storage.Stores.Memory;

/// <summary>A store in memory, for tests and throw-away use: persistent trees, so that a snapshot is a reference.</summary>
public sealed class MemoryStore : IStore
{
    private static readonly ImmutableSortedSet<Entry> Empty = ImmutableSortedSet.Create<Entry>(EntryOrder.Instance);

    private const int MaxPieces = 16;

    private readonly Lock _writing = new();
    private volatile ImmutableSortedSet<Entry>[] _families = [.. Enum.GetValues<Family>().Select(_ => Empty)];
    private long _sizeBytes = 4096;

    public long SizeBytes => Interlocked.Read(ref _sizeBytes);

    public long UnflushedBytes => 0;

    public StoreFigures Figures => new() { SizeBytes = SizeBytes, InUseBytes = SizeBytes, KeysCount = _families[(int)Family.Latest].Count };

    public IStoreBatch CreateBatch() => new Batch();

    public void Write(IStoreBatch batch)
    {
        var changes = ((Batch)batch).Changes;
        lock (_writing)
        {
            var families = new ImmutableSortedSet<Entry>.Builder?[_families.Length];
            var size = _sizeBytes;
            foreach (var change in changes)
            {
                var family = families[(int)change.Family] ??= _families[(int)change.Family].ToBuilder();
                if (change.End is { } end)
                {
                    for (var at = family.IndexOf(change.Entry); ; at = family.IndexOf(change.Entry))
                    {
                        at = at < 0 ? ~at : at;
                        if (at >= family.Count || family[at].Key.AsSpan().SequenceCompareTo(end) >= 0)
                        {
                            break;
                        }

                        size -= family[at].SizeBytes;
                        family.Remove(family[at]);
                    }

                    continue;
                }

                if (family.TryGetValue(change.Entry, out var old) && !ReferenceEquals(old, change.Entry))
                {
                    size -= old.SizeBytes;
                    family.Remove(old);
                }

                if (change.Entry.Value is not null)
                {
                    size += change.Entry.SizeBytes;
                    family.Add(change.Entry);
                }
            }

            var next = _families.ToArray();
            for (var i = 0; i < next.Length; i++)
            {
                next[i] = families[i]?.ToImmutable() ?? next[i];
            }

            _families = next;
            Interlocked.Exchange(ref _sizeBytes, size);
        }

        changes.Clear();
    }

    public IStoreSnapshot Snapshot() => new View(_families);

    public void Flush()
    {
        // Nothing here outlives the process.
    }

    public void Reclaim(Family family)
    {
        // What was deleted is already garbage.
    }

    public void Dispose()
    {
        // Snapshots may outlive the store.
    }

    private sealed record Entry(byte[] Key, byte[]? Value)
    {
        public long SizeBytes => Key.Length + (Value?.Length ?? 0) + 64;
    }

    private sealed class EntryOrder : IComparer<Entry>
    {
        public static readonly EntryOrder Instance = new();

        public int Compare(Entry? x, Entry? y) => x!.Key.AsSpan().SequenceCompareTo(y!.Key);
    }

    private sealed class Batch : IStoreBatch
    {
        public List<(Family Family, Entry Entry, byte[]? End)> Changes { get; } = [];

        public void Put(Family family, ReadOnlySpan<byte> key, ReadOnlySpan<byte> value) =>
            Changes.Add((family, new Entry(key.ToArray(), value.ToArray()), null));

        public void Delete(Family family, ReadOnlySpan<byte> key) => Changes.Add((family, new Entry(key.ToArray(), null), null));

        public void DeleteRange(Family family, ReadOnlySpan<byte> start, ReadOnlySpan<byte> end) =>
            Changes.Add((family, new Entry(start.ToArray(), null), end.ToArray()));

        public void Dispose() => Changes.Clear();
    }

    private sealed class View(ImmutableSortedSet<Entry>[] families) : IStoreSnapshot
    {
        public T? Read<TState, T>(Family family, ReadOnlySpan<byte> key, TState state, ValueReader<TState, T> reader)
            where T : class =>
            families[(int)family].TryGetValue(new Entry(key.ToArray(), null), out var found) && found.Value is not null
                ? reader(found.Value, state)
                : null;

        public IStoreCursor Scan(Family family, ReadOnlySpan<byte> start, byte[]? end) =>
            new Cursor(families[(int)family], start.ToArray(), end);

        public IStoreCursor ScanOnce(Family family, ReadOnlySpan<byte> start = default, byte[]? end = null) => Scan(family, start, end);

        public IReadOnlyList<StorePiece> Pieces(Family family)
        {
            var entries = families[(int)family];
            var pieces = new StorePiece[Math.Min(MaxPieces, entries.Count)];
            for (var i = 0; i < pieces.Length; i++)
            {
                var last = entries[(int)((i + 1L) * entries.Count / pieces.Length) - 1];
                pieces[i] = new StorePiece(last.Key, last.SizeBytes * entries.Count / pieces.Length);
            }

            return pieces;
        }

        public void Dispose()
        {
            // Held by nothing but references.
        }
    }

    private sealed class Cursor(ImmutableSortedSet<Entry> family, byte[] start, byte[]? end) : IStoreCursor
    {
        private int _position = -1;
        private Entry? _current;

        public ReadOnlySpan<byte> Key => _current!.Key;

        public ReadOnlySpan<byte> Value => _current!.Value;

        public bool MoveNext() => _position < 0 ? Seek(start) : MoveTo(_position + 1);

        public bool Seek(ReadOnlySpan<byte> key)
        {
            var at = family.IndexOf(new Entry(key.ToArray(), null));
            return MoveTo(at < 0 ? ~at : at);
        }

        public void Dispose() => _current = null;

        private bool MoveTo(int position)
        {
            _position = position;
            _current = position < family.Count ? family[position] : null;
            if (_current is not null && end is not null && _current.Key.AsSpan().SequenceCompareTo(end) >= 0)
            {
                _current = null;
            }

            return _current is not null;
        }
    }
}
