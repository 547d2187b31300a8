using System.Buffers;

namespace Granary.Storage.Bolt;

/// <summary>
/// Writes a bbolt database from its first byte to its last, in memory for a few pages. The first pages name the last ones, so the same
/// records are added twice: to a writer without an output, which finds the <see cref="BoltLayout"/>, then to one that has it.
/// Records of a bucket come in key order. Pages are filled; the freelist is not stored, as etcd does.
/// </summary>
public sealed class BoltWriter
{
    public const int PageBytes = 4096;

    // Buckets up to this size stand in the page of the bucket that holds them.
    private const int MaxInlineBytes = PageBytes / 4;

    // The page of the higher transaction holds; the other one is there for the case that it is damaged.
    private const ulong Transaction = 2;

    private readonly IBufferWriter<byte>? _output;
    private readonly BoltLayout _layout;

    // Finished buckets by name, with the values that stand for them.
    private readonly SortedDictionary<byte[], byte[]> _buckets = new(
        Comparer<byte[]>.Create(static (x, y) => x.AsSpan().SequenceCompareTo(y)));

    // The unfinished page of each level of the bucket that is being written, leaves first.
    private readonly List<Node> _levels = [new Node()];
    private int _height;
    private byte[]? _name;
    private uint _elementFlags;
    private long _nextPage = 2;

    private BoltWriter(IBufferWriter<byte>? output, BoltLayout layout)
    {
        _output = output;
        _layout = layout;
    }

    /// <summary>A writer that writes nothing but finds out where everything goes. The room it gives is to be left alone.</summary>
    public static BoltWriter ToPlan() => new(null, default);

    /// <summary>A writer to <paramref name="output"/>; its first pages are written at once.</summary>
    public static BoltWriter To(IBufferWriter<byte> output, BoltLayout layout)
    {
        var writer = new BoltWriter(output, layout);
        for (var i = 0UL; i < 2; i++)
        {
            var page = output.GetSpan(PageBytes)[..PageBytes];
            page.Clear();
            new BoltPage(i, BoltPage.Meta, 0, 0).Write(page);
            new BoltMeta(
                PageBytes, new BoltBucketHeader((ulong)layout.Root, 0), BoltMeta.NoFreelist, (ulong)layout.PageCount, Transaction - i)
                .Write(page[BoltPage.HeaderBytes..]);
            output.Advance(PageBytes);
        }

        return writer;
    }

    public void BeginBucket(ReadOnlySpan<byte> name)
    {
        _name = name.ToArray();
        _height = 1;
        _elementFlags = 0;
    }

    /// <summary>
    /// Adds a record behind all others of its bucket. Returns the room for its key and, right behind it, its value: to be filled at once.
    /// Empty when planning.
    /// </summary>
    public Span<byte> Add(int keyBytes, int valueBytes) => Add(0, keyBytes, valueBytes, 0);

    public void Add(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        var room = Add(key.Length, value.Length);
        if (!room.IsEmpty)
        {
            key.CopyTo(room);
            value.CopyTo(room[key.Length..]);
        }
    }

    public void EndBucket()
    {
        var leaf = _levels[0];
        byte[] value;
        if (_height == 1 && leaf.Bytes <= MaxInlineBytes)
        {
            value = new byte[BoltBucketHeader.Bytes + leaf.Bytes];
            new BoltBucketHeader(0, 0).Write(value);
            Write(leaf, isLeaf: true, 0, value.AsSpan(BoltBucketHeader.Bytes));
            leaf.Clear();
        }
        else
        {
            value = new byte[BoltBucketHeader.Bytes];
            new BoltBucketHeader((ulong)FinishTree(), 0).Write(value);
        }

        _buckets.Add(_name!, value);
        _name = null;
    }

    /// <summary>Writes what holds the buckets, the end of the database.</summary>
    /// <exception cref="InvalidOperationException">What was added is not what the layout was planned for.</exception>
    public BoltLayout Complete()
    {
        _height = 1;
        _elementFlags = BoltPage.BucketElement;
        foreach (var (name, value) in _buckets)
        {
            Add(name, value);
        }

        var layout = new BoltLayout(FinishTree(), _nextPage);
        return _output is null || layout == _layout
            ? layout
            : throw new InvalidOperationException($"The database was planned as {_layout} but came out as {layout}.");
    }

    private Span<byte> Add(int level, int keyBytes, int valueBytes, long page)
    {
        var node = _levels[level];
        if (node.Count > 0 && node.Bytes + BoltPage.ElementBytes + keyBytes + valueBytes > PageBytes)
        {
            Flush(level);
        }

        return node.Add(keyBytes, valueBytes, page, withBytes: _output is not null);
    }

    /// <summary>Writes the unfinished page of a level, and tells the level above of it.</summary>
    private void Flush(int level)
    {
        var node = _levels[level];
        var keyBytes = node.FirstKeyBytes;
        var number = WritePage(level);
        if (level + 1 == _height)
        {
            _height++;
            if (_levels.Count < _height)
            {
                _levels.Add(new Node());
            }
        }

        var room = Add(level + 1, keyBytes, 0, number);
        if (!room.IsEmpty)
        {
            node.Data[..keyBytes].CopyTo(room);
        }

        node.Clear();
    }

    /// <summary>Writes the unfinished pages of all levels; returns the number of the last one, the root.</summary>
    private long FinishTree()
    {
        for (var level = 0; level + 1 < _height; level++)
        {
            Flush(level);
        }

        var root = WritePage(_height - 1);
        _levels[_height - 1].Clear();
        return root;
    }

    private long WritePage(int level)
    {
        var node = _levels[level];
        var pages = (node.Bytes + PageBytes - 1) / PageBytes;
        var number = _nextPage;
        _nextPage += pages;
        if (_output is not null)
        {
            var bytes = pages * PageBytes;
            Write(node, level == 0, number, _output.GetSpan(bytes)[..bytes]);
            _output.Advance(bytes);
        }

        return number;
    }

    private void Write(Node node, bool isLeaf, long number, Span<byte> target)
    {
        var overflow = Math.Max(0, (target.Length / PageBytes) - 1);
        new BoltPage((ulong)number, isLeaf ? BoltPage.Leaf : BoltPage.Branch, (ushort)node.Count, (uint)overflow).Write(target);
        var element = BoltPage.HeaderBytes;
        var data = element + (node.Count * BoltPage.ElementBytes);
        foreach (var (keyBytes, valueBytes, page) in node.Elements)
        {
            if (isLeaf)
            {
                BoltPage.WriteLeafElement(target[element..], _elementFlags, data - element, keyBytes, valueBytes);
            }
            else
            {
                BoltPage.WriteBranchElement(target[element..], data - element, keyBytes, (ulong)page);
            }

            element += BoltPage.ElementBytes;
            data += keyBytes + valueBytes;
        }

        node.Data[..node.DataBytes].CopyTo(target[element..]);
        target[(element + node.DataBytes)..].Clear();
    }

    /// <summary>A page that is being filled.</summary>
    private sealed class Node
    {
        private readonly (int KeyBytes, int ValueBytes, long Page)[] _elements = new (int, int, long)[PageBytes / BoltPage.ElementBytes];
        private byte[] _data = new byte[PageBytes];

        public int Count { get; private set; }

        public int DataBytes { get; private set; }

        public int Bytes => BoltPage.HeaderBytes + (Count * BoltPage.ElementBytes) + DataBytes;

        public int FirstKeyBytes => _elements[0].KeyBytes;

        public ReadOnlySpan<(int KeyBytes, int ValueBytes, long Page)> Elements => _elements.AsSpan(0, Count);

        public Span<byte> Data => _data;

        public Span<byte> Add(int keyBytes, int valueBytes, long page, bool withBytes)
        {
            var start = DataBytes;
            _elements[Count++] = (keyBytes, valueBytes, page);
            DataBytes += keyBytes + valueBytes;
            if (!withBytes)
            {
                return default;
            }

            if (_data.Length < DataBytes)
            {
                // Only a record that has a page of its own is larger than one: there is nothing to keep.
                _data = new byte[DataBytes];
            }

            return _data.AsSpan(start, DataBytes - start);
        }

        public void Clear()
        {
            Count = 0;
            DataBytes = 0;
            if (_data.Length > 1 << 20)
            {
                _data = new byte[PageBytes];
            }
        }
    }
}
