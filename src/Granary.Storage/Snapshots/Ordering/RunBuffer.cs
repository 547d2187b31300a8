using System.Runtime.CompilerServices;

namespace Granary.Storage.Snapshots.Ordering;

/// <summary>Pairs in memory on their way into a <see cref="SortedRun"/>.</summary>
internal sealed class RunBuffer(int bytes)
{
    private const int BitsPerDigit = 11;
    private const int Digits = 1 << BitsPerDigit;

    private byte[] _data = new byte[bytes];
    private Entry[] _entries = new Entry[Math.Max(16, bytes / 256)];
    private Entry[] _sorted = [];
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

    // A loop of its own: it is to be compiled as such, not when it has been called often.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public SortedRun Spill(Spool data, Spool index)
    {
        if (!_isSorted)
        {
            Sort();
        }

        var entries = _entries.AsSpan(0, _count);

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

        var run = new SortedRun(data, dataStart, data.Length, index, indexStart, _count);
        _count = 0;
        _length = 0;
        _isSorted = true;
        return run;
    }

    /// <summary>By revision, digit by digit, the low one first: each pass keeps the order that it finds among equals.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Sort()
    {
        var (lowest, highest) = (long.MaxValue, long.MinValue);
        foreach (var entry in _entries.AsSpan(0, _count))
        {
            lowest = Math.Min(lowest, entry.Revision);
            highest = Math.Max(highest, entry.Revision);
        }

        if (_sorted.Length < _entries.Length)
        {
            _sorted = new Entry[_entries.Length];
        }

        Span<int> places = stackalloc int[Digits];
        for (var shift = 0; shift < 64 && (ulong)(highest - lowest) >> shift != 0; shift += BitsPerDigit)
        {
            places.Clear();
            foreach (var entry in _entries.AsSpan(0, _count))
            {
                places[Digit(entry.Revision - lowest, shift)]++;
            }

            var place = 0;
            foreach (ref var next in places)
            {
                (place, next) = (place + next, place);
            }

            foreach (var entry in _entries.AsSpan(0, _count))
            {
                _sorted[places[Digit(entry.Revision - lowest, shift)]++] = entry;
            }

            (_entries, _sorted) = (_sorted, _entries);
        }
    }

    private static int Digit(long value, int shift) => (int)(value >> shift) & (Digits - 1);

    private readonly record struct Entry(long Revision, int Offset, int Bytes);
}
