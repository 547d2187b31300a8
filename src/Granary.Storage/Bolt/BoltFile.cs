using System.Buffers.Binary;
using System.Numerics;
using Microsoft.Win32.SafeHandles;

namespace Granary.Storage.Bolt;

/// <summary>
/// Reads a bbolt database. Nothing in it is trusted: what does not fit, file, page or element, is refused with its place.
/// </summary>
public sealed class BoltFile : IDisposable
{
    // The largest record of etcd is a few MiB; a page that claims more than this is damage, not a reason to allocate.
    private const long MaxPageBytes = 512 << 20;

    // etcd's pages are as large as those of the machine's memory.
    private const int SmallestPageBytes = 512;
    private const int LargestPageBytes = 64 << 10;

    private readonly SafeFileHandle _handle;
    private readonly BoltMeta _meta;
    private readonly long _length;

    private BoltFile(string path, SafeFileHandle handle, long length)
    {
        Path = path;
        _handle = handle;
        _length = length;
        _meta = ReadMeta();
        CheckFreelist();
    }

    public string Path { get; }

    /// <summary>Bytes of all its pages.</summary>
    public long SizeBytes => (long)_meta.HighWater * _meta.PageBytes;

    internal long PageCount => (long)_meta.HighWater;

    internal int PageBytes => (int)_meta.PageBytes;

    /// <param name="path">The file.</param>
    /// <param name="length">How much of it is the database.</param>
    /// <exception cref="BoltDamagedException">It is none.</exception>
    /// <exception cref="IOException">It cannot be read.</exception>
    public static BoltFile Open(string path, long length)
    {
        var handle = File.OpenHandle(path, options: FileOptions.SequentialScan);
        try
        {
            return new BoltFile(path, handle, Math.Min(length, RandomAccess.GetLength(handle)));
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }

    /// <summary>All top-level buckets and, should there be any, plain records beside them.</summary>
    public BoltCursor Root() => _meta.Root.Root == 0
        ? throw Damaged(0, "the root bucket has no page")
        : new BoltCursor(this, _meta.Root.Root);

    /// <summary>A cursor over a top-level bucket; null when there is none of that name.</summary>
    public BoltCursor? Bucket(ReadOnlySpan<byte> name)
    {
        var buckets = Root();
        while (buckets.MoveNext())
        {
            if (buckets.IsBucket && buckets.Key.SequenceEqual(name))
            {
                return buckets.OpenBucket();
            }
        }

        return null;
    }

    public void Dispose() => _handle.Dispose();

    /// <summary>Reads a page with all that belongs to it into <paramref name="buffer"/>, which grows when it must.</summary>
    internal (BoltPage Page, int Bytes) ReadPage(ulong number, ref byte[] buffer)
    {
        if (number < 2 || number >= _meta.HighWater)
        {
            throw Damaged(0, $"page {number} is referred to, but pages 2 to {_meta.HighWater - 1} are there");
        }

        var offset = (long)number * PageBytes;
        if (buffer.Length < PageBytes)
        {
            buffer = new byte[PageBytes];
        }

        Read(buffer.AsSpan(0, PageBytes), offset);
        var page = BoltPage.Read(buffer);
        if (page.Number != number)
        {
            throw Damaged(offset, $"the page says that it is number {page.Number}, but stands where {number} belongs");
        }

        if (page.Overflow >= _meta.HighWater - number)
        {
            throw Damaged(offset, $"page {number} says that {page.Overflow} more belong to it, beyond the last one, {_meta.HighWater - 1}");
        }

        var bytes = (page.Overflow + 1L) * PageBytes;
        if (bytes > MaxPageBytes)
        {
            throw Damaged(offset, $"page {number} says that it has {bytes} bytes: more than any record can");
        }

        if (buffer.Length < bytes)
        {
            Array.Resize(ref buffer, (int)bytes);
        }

        Read(buffer.AsSpan(PageBytes, (int)bytes - PageBytes), offset + PageBytes);
        return (page, (int)bytes);
    }

    internal BoltDamagedException Damaged(long offset, string damage) => new(Path, offset, damage);

    private BoltMeta ReadMeta()
    {
        // The first page says how large a page is, unless it is damaged: then the second one is looked for at every size there is.
        string? fault = null;
        BoltMeta? best = null;
        var first = ReadMetaAt(0, ref fault);
        foreach (var pageBytes in first is { } sized ? [(int)sized.PageBytes] : PageSizes())
        {
            string? ignored = null;
            if (ReadMetaAt(pageBytes, ref ignored) is { } second && second.PageBytes == pageBytes)
            {
                best = first is { } other && other.Transaction > second.Transaction ? other : second;
                break;
            }
        }

        var meta = best ?? first ?? throw Damaged(0, fault!);
        if ((long)meta.HighWater < 2 || meta.HighWater > (ulong)(_length / meta.PageBytes))
        {
            throw Damaged(
                _length, $"the file ends here, but its meta page counts {meta.HighWater} pages of {meta.PageBytes} bytes: it is cut short");
        }

        return meta;
    }

    private static IEnumerable<int> PageSizes()
    {
        for (var size = SmallestPageBytes; size <= LargestPageBytes; size *= 2)
        {
            yield return size;
        }
    }

    private BoltMeta? ReadMetaAt(long offset, ref string? fault)
    {
        var bytes = new byte[BoltPage.HeaderBytes + BoltMeta.Bytes];
        if (_length - offset < bytes.Length)
        {
            fault = $"{_length} bytes are too few for a bbolt database";
            return null;
        }

        Read(bytes, offset);
        fault = BoltMeta.Read(bytes.AsSpan(BoltPage.HeaderBytes), out var meta);
        if (fault is null && (!BitOperations.IsPow2(meta.PageBytes) || meta.PageBytes is < SmallestPageBytes or > LargestPageBytes))
        {
            fault = $"the meta page says that a page has {meta.PageBytes} bytes";
        }

        if (fault is null && (BoltPage.Read(bytes).Flags & BoltPage.Meta) == 0)
        {
            fault = "the meta page is not marked as one";
        }

        return fault is null ? meta : null;
    }

    /// <summary>The freelist is of no use to a reader; but one that is no freelist says that the file is not to be relied on.</summary>
    private void CheckFreelist()
    {
        if (_meta.Freelist == BoltMeta.NoFreelist)
        {
            return;
        }

        var buffer = Array.Empty<byte>();
        var (page, bytes) = ReadPage(_meta.Freelist, ref buffer);
        var offset = (long)_meta.Freelist * PageBytes;
        if (page.Flags != BoltPage.Freelist)
        {
            throw Damaged(offset, $"page {page.Number} should be the freelist but has the flags {page.Flags:x}");
        }

        var entries = buffer.AsSpan(BoltPage.HeaderBytes, bytes - BoltPage.HeaderBytes);
        ulong count = page.Count;
        if (page.Count == BoltPage.CountElsewhere)
        {
            count = BinaryPrimitives.ReadUInt64LittleEndian(entries);
            entries = entries[sizeof(ulong)..];
        }

        if (count > (ulong)entries.Length / sizeof(ulong))
        {
            throw Damaged(offset, $"the freelist counts {count} pages, more than it has room for");
        }

        for (var i = 0; i < (int)count; i++)
        {
            var free = BinaryPrimitives.ReadUInt64LittleEndian(entries[(i * sizeof(ulong))..]);
            if (free < 2 || free >= _meta.HighWater)
            {
                throw Damaged(offset, $"the freelist names page {free}, which is not there");
            }
        }
    }

    private void Read(Span<byte> target, long offset)
    {
        for (var done = 0; done < target.Length;)
        {
            var read = RandomAccess.Read(_handle, target[done..], offset + done);
            if (read == 0)
            {
                throw Damaged(offset + done, "the file ends here, in the middle of a page");
            }

            done += read;
        }
    }
}
