namespace Granary.Storage.Snapshots.Ordering;

/// <summary>
/// Goes through all runs at once by revision; of one revision first what is in earlier runs. Without data it reads the index alone.
/// </summary>
internal sealed class RunMerge
{
    /// <summary>Revision, i64, and bytes of the record, i32.</summary>
    public const int IndexEntryBytes = sizeof(long) + sizeof(int);

    private const int MinBufferBytes = 4 << 10;
    private const int MaxBufferBytes = 256 << 10;

    // A heap: the run whose record comes next is the first.
    private readonly Source[] _heap;
    private int _count;
    private bool _started;

    /// <param name="runs">In the order that counts among records of one revision.</param>
    /// <param name="withData">Whether the records are to be read, not only what the index says of them.</param>
    /// <param name="bufferBytes">The memory to be taken for all runs together.</param>
    public RunMerge(IReadOnlyList<SortedRun> runs, bool withData, int bufferBytes)
    {
        var each = Math.Clamp(bufferBytes / Math.Max(1, runs.Count), MinBufferBytes, MaxBufferBytes);
        _heap = new Source[runs.Count];
        for (var i = 0; i < runs.Count; i++)
        {
            var run = runs[i];
            var source = new Source(
                i,
                new SpoolReader(run.Index, run.IndexStart, run.IndexStart + (run.Count * IndexEntryBytes), withData ? Math.Max(MinBufferBytes, each / 8) : each),
                withData ? new SpoolReader(run.Data, run.DataStart, run.DataEnd, each) : null);
            if (source.MoveNext())
            {
                _heap[_count++] = source;
            }
        }

        for (var i = (_count / 2) - 1; i >= 0; i--)
        {
            Sink(i);
        }
    }

    public bool IsAtEnd => _count == 0;

    public long Revision => _heap[0].Revision;

    public int Bytes => _heap[0].Bytes;

    /// <summary>Goes to the next record; the data of the current one must have been taken, if there is any.</summary>
    public bool MoveNext()
    {
        if (!_started)
        {
            _started = true;
            return _count > 0;
        }

        if (!_heap[0].MoveNext())
        {
            _heap[0] = _heap[--_count];
        }

        Sink(0);
        return _count > 0;
    }

    /// <summary>Takes the data of the current record.</summary>
    public void Take(Span<byte> target) => _heap[0].Data!.Read(target);

    private void Sink(int at)
    {
        var sinking = _heap[at];
        while (true)
        {
            var child = (2 * at) + 1;
            if (child >= _count)
            {
                break;
            }

            if (child + 1 < _count && _heap[child + 1].IsBefore(_heap[child]))
            {
                child++;
            }

            if (!_heap[child].IsBefore(sinking))
            {
                break;
            }

            _heap[at] = _heap[child];
            at = child;
        }

        _heap[at] = sinking;
    }

    private sealed class Source(int order, SpoolReader index, SpoolReader? data)
    {
        public long Revision { get; private set; }

        public int Bytes { get; private set; }

        public SpoolReader? Data => data;

        public bool MoveNext()
        {
            if (index.IsAtEnd)
            {
                return false;
            }

            Revision = index.ReadInt64();
            Bytes = index.ReadInt32();
            return true;
        }

        public bool IsBefore(Source other) => Revision != other.Revision ? Revision < other.Revision : order < other.Order;

        private int Order => order;
    }
}
