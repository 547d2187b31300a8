using System.Buffers.Binary;

namespace Granary.Storage.Bolt;

/// <summary>Walks the records of one bucket in key order. Key and value live until the next move.</summary>
public sealed class BoltCursor
{
    // 2^48 records in pages of two: no file is deeper.
    private const int MaxDepth = 48;

    private readonly BoltFile _file;
    private readonly List<Level> _levels = [];
    private readonly byte[] _lastKey = new byte[64];
    private byte[]? _longLastKey;
    private int _lastKeyBytes = -1;
    private long _pagesRead;
    private int _depth = -1;
    private ulong _root;

    private Level _leaf = null!;
    private int _keyStart;
    private int _keyBytes;
    private int _valueBytes;

    internal BoltCursor(BoltFile file, ulong root)
    {
        _file = file;
        _root = root;
    }

    /// <param name="file">Where it is.</param>
    /// <param name="page">A whole leaf page that stands in the value of a bucket.</param>
    /// <param name="offset">Where the page that holds the value begins.</param>
    private BoltCursor(BoltFile file, byte[] page, long offset)
    {
        _file = file;
        var level = new Level { Buffer = page, Offset = offset };
        var header = BoltPage.Read(page);
        if (header.Flags != BoltPage.Leaf)
        {
            throw file.Damaged(offset, $"a bucket inside this page should be a leaf but has the flags {header.Flags:x}");
        }

        Begin(level, header, page.Length);
        _levels.Add(level);
        _depth = 0;
    }

    public ReadOnlySpan<byte> Key => _leaf.Buffer.AsSpan(_keyStart, _keyBytes);

    public ReadOnlySpan<byte> Value => _leaf.Buffer.AsSpan(_keyStart + _keyBytes, _valueBytes);

    public bool IsBucket { get; private set; }

    /// <summary>Where the page of the current record begins in the file.</summary>
    public long Offset => _leaf.Offset;

    /// <exception cref="BoltDamagedException">A page is not what it must be.</exception>
    public bool MoveNext()
    {
        if (_root != 0)
        {
            Descend(_root);
            _root = 0;
        }

        while (_depth >= 0)
        {
            var level = _levels[_depth];
            if (++level.Index >= level.Count)
            {
                _depth--;
            }
            else if (level.IsLeaf)
            {
                TakeRecord(level);
                return true;
            }
            else
            {
                Descend(TakeBranch(level));
            }
        }

        return false;
    }

    /// <summary>A cursor over the bucket that is the current record's value.</summary>
    public BoltCursor OpenBucket()
    {
        if (!IsBucket || _valueBytes < BoltBucketHeader.Bytes)
        {
            throw _file.Damaged(Offset, "a record of this page is no bucket, or too short for one");
        }

        var header = BoltBucketHeader.Read(Value);
        if (header.Root != 0)
        {
            return new BoltCursor(_file, header.Root);
        }

        return _valueBytes < BoltBucketHeader.Bytes + BoltPage.HeaderBytes
            ? throw _file.Damaged(Offset, "a bucket inside this page is too short")
            : new BoltCursor(_file, Value[BoltBucketHeader.Bytes..].ToArray(), Offset);
    }

    private void Descend(ulong number)
    {
        if (_depth + 1 == MaxDepth || ++_pagesRead > _file.PageCount)
        {
            throw _file.Damaged((long)number * _file.PageBytes, $"page {number} is reached more than once: the tree is no tree");
        }

        if (++_depth == _levels.Count)
        {
            _levels.Add(new Level());
        }

        var level = _levels[_depth];
        var (page, bytes) = _file.ReadPage(number, ref level.Buffer);
        level.Offset = (long)number * _file.PageBytes;
        if (page.Flags is not (BoltPage.Leaf or BoltPage.Branch))
        {
            throw _file.Damaged(level.Offset, $"page {number} should be a branch or a leaf but has the flags {page.Flags:x}");
        }

        Begin(level, page, bytes);
        if (page.Count == 0 && !(level.IsLeaf && _depth == 0))
        {
            throw _file.Damaged(level.Offset, $"page {number} is empty");
        }
    }

    private void Begin(Level level, BoltPage page, int bytes)
    {
        level.Bytes = bytes;
        level.Index = -1;
        level.Count = page.Count;
        level.IsLeaf = page.Flags == BoltPage.Leaf;
        if (BoltPage.HeaderBytes + page.Count * BoltPage.ElementBytes > bytes)
        {
            throw _file.Damaged(level.Offset, $"page {page.Number} counts {page.Count} elements, more than it has room for");
        }
    }

    private ulong TakeBranch(Level level)
    {
        var element = level.Element;
        var keyBytes = BinaryPrimitives.ReadUInt32LittleEndian(level.Buffer.AsSpan(element + 4));
        RequireInside(level, element, BinaryPrimitives.ReadUInt32LittleEndian(level.Buffer.AsSpan(element)), keyBytes);
        return BinaryPrimitives.ReadUInt64LittleEndian(level.Buffer.AsSpan(element + 8));
    }

    private void TakeRecord(Level level)
    {
        var element = level.Element;
        var bytes = level.Buffer.AsSpan(element);
        var position = BinaryPrimitives.ReadUInt32LittleEndian(bytes[4..]);
        var keyBytes = BinaryPrimitives.ReadUInt32LittleEndian(bytes[8..]);
        var valueBytes = BinaryPrimitives.ReadUInt32LittleEndian(bytes[12..]);
        RequireInside(level, element, position, (ulong)keyBytes + valueBytes);
        _leaf = level;
        _keyStart = element + (int)position;
        _keyBytes = (int)keyBytes;
        _valueBytes = (int)valueBytes;
        IsBucket = (BinaryPrimitives.ReadUInt32LittleEndian(bytes) & BoltPage.BucketElement) != 0;
        RequireOrder(level);
    }

    private void RequireInside(Level level, int element, uint position, ulong length)
    {
        if (position < BoltPage.ElementBytes || (ulong)element + position + length > (ulong)level.Bytes)
        {
            throw _file.Damaged(level.Offset, $"element {level.Index} of this page does not lie within it");
        }
    }

    private void RequireOrder(Level level)
    {
        var key = Key;
        var last = _longLastKey ?? _lastKey;
        if (_lastKeyBytes >= 0 && last.AsSpan(0, _lastKeyBytes).SequenceCompareTo(key) >= 0)
        {
            throw _file.Damaged(level.Offset, $"the key of element {level.Index} of this page is not behind the one before it");
        }

        if (key.Length > last.Length)
        {
            last = _longLastKey = new byte[key.Length];
        }

        key.CopyTo(last);
        _lastKeyBytes = key.Length;
    }

    private sealed class Level
    {
        public byte[] Buffer = [];

        public long Offset { get; set; }

        public int Bytes { get; set; }

        public int Index { get; set; }

        public int Count { get; set; }

        public bool IsLeaf { get; set; }

        public int Element => BoltPage.HeaderBytes + (Index * BoltPage.ElementBytes);
    }
}
