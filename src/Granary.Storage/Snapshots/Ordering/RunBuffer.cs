namespace Granary.Storage.Snapshots.Ordering;

/// <summary>Pairs in memory on their way into a <see cref="SortedRun"/>.</summary>
internal sealed class RunBuffer(int bytes)
{
    private byte[] _data = new byte[bytes];
    private Entry[] _entries = new Entry[Math.Max(16, bytes / 256)];
    private int _length;
    private int _count;
    private bool _isSorted = true;

    public bool IsEmpty => _count == 0;

    public bool HasRoomFor(int bytes) => bytes <= _data.Length - _length;

    /// <summary>Room for a record, to be filled at once. Records of one revision keep the order in which they are added.</summary>
    public Span<byte> Add(long revision, int bytes)
    {
        if (bytes > _data.Length - _length)
        {
            // Only a single record that is larger than a whole buffer.
            Array.Resize(ref _data, _length + bytes);
        }

        if (_count == _entries.Length)
        {
            Array.Resize(ref _entries, _count * 2);
        }

        _isSorted &= _count == 0 || _entries[_count - 1].Revision <= revision;
        _entries[_count++] = new Entry(revision, _length, bytes);
        _length += bytes;
        return _data.AsSpan(_length - bytes, bytes);
    }

    public SortedRun Spill(Spool data, Spool index)
    {
        var entries = _entries.AsSpan(0, _count);
        if (!_isSorted)
        {
            entries.Sort();
        }

        var dataStart = data.Length;
        var indexStart = index.Length;
        Span<byte> indexed = stackalloc byte[RunMerge.IndexEntryBytes];
        foreach (var entry in entries)
        {
            data.Write(_data.AsSpan(entry.Offset, entry.Bytes));
            BitConverter.TryWriteBytes(indexed, entry.Revision);
            BitConverter.TryWriteBytes(indexed[sizeof(long)..], entry.Bytes);
            index.Write(indexed);
        }

        var run = new SortedRun(dataStart, data.Length, indexStart, _count);
        _count = 0;
        _length = 0;
        _isSorted = true;
        return run;
    }

    private readonly record struct Entry(long Revision, int Offset, int Bytes) : IComparable<Entry>
    {
        public int CompareTo(Entry other) =>
            Revision != other.Revision ? Revision.CompareTo(other.Revision) : Offset.CompareTo(other.Offset);
    }
}
