using System.Buffers.Binary;
using CsCheck;
using Granary.Storage.Bolt;

namespace Granary.Storage.Tests.Bolt;

/// <summary>What is written is read back; what is not as it must be is refused with its place, and nothing else ever happens.</summary>
public sealed class BoltFileTests : IDisposable
{
    private const int PageBytes = 4096;

    private readonly string _directory = Directory.CreateTempSubdirectory("granary-bolt-").FullName;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public void What_is_written_is_read_back() => BoltContents.Any.Sample(
        contents =>
        {
            var path = NewPath();
            File.WriteAllBytes(path, contents.Write());
            BoltContents.Read(path).MustEqual(contents);
            File.Delete(path);
        }, iter: 150);

    [Fact]
    public void A_file_that_was_changed_anywhere_is_refused_or_read_and_no_more() => Gen.Select(BoltContents.Any, Gen.Int[0, int.MaxValue].Array[200], Gen.Byte[1, 255]).Sample(
        (contents, places, change) =>
        {
            var bytes = contents.Write();
            var path = NewPath();
            foreach (var place in places)
            {
                // Headers, where the structure is, are hit more often than what they describe.
                var at = (place & 1) == 0 ? place % bytes.Length : (place / 2 % (bytes.Length / PageBytes) * PageBytes) + (place % 64);
                bytes[at] ^= change;
                File.WriteAllBytes(path, bytes);
                ReadOrRefuse(path);
                bytes[at] ^= change;
            }

            File.Delete(path);
        }, iter: 12);

    [Fact]
    public void A_file_that_was_cut_is_refused() => Gen.Select(BoltContents.Any, Gen.Int[0, int.MaxValue].Array[20]).Sample(
        (contents, places) =>
        {
            var bytes = contents.Write();
            var path = NewPath();
            foreach (var place in places)
            {
                File.WriteAllBytes(path, bytes.AsSpan(0, place % bytes.Length));
                Assert.Throws<BoltDamagedException>(() => BoltContents.Read(path));
            }

            File.Delete(path);
        }, iter: 10);

    [Fact]
    public void A_page_that_leads_back_to_itself_is_refused()
    {
        var contents = new BoltContents { ["large"] = Records(500) };
        var bytes = contents.Write();
        var page = FindPage(bytes, BoltPageFlags.Branch);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan((page * PageBytes) + 24), (ulong)page);
        var path = NewPath();
        File.WriteAllBytes(path, bytes);
        var damage = Assert.Throws<BoltDamagedException>(() => BoltContents.Read(path));
        Assert.Contains("more than once", damage.Message, StringComparison.Ordinal);
        Assert.Equal(page * PageBytes, damage.Offset);
        Assert.Equal(path, damage.File);
    }

    [Fact]
    public void A_page_that_claims_more_elements_than_fit_is_refused_with_its_place()
    {
        var bytes = new BoltContents { ["large"] = Records(500) }.Write();
        var page = FindPage(bytes, BoltPageFlags.Leaf);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan((page * PageBytes) + 10), 60000);
        var path = NewPath();
        File.WriteAllBytes(path, bytes);
        Assert.Equal(page * PageBytes, Assert.Throws<BoltDamagedException>(() => BoltContents.Read(path)).Offset);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void With_one_meta_page_damaged_the_other_one_is_used(int page)
    {
        var contents = new BoltContents { ["small"] = Records(3), ["large"] = Records(500) };
        var bytes = contents.Write();
        bytes.AsSpan(page * PageBytes, PageBytes).Fill(0xee);
        var path = NewPath();
        File.WriteAllBytes(path, bytes);
        BoltContents.Read(path).MustEqual(contents);
    }

    [Fact]
    public void A_freelist_is_looked_at_but_not_needed()
    {
        var contents = new BoltContents { ["large"] = Records(500) };
        var bytes = contents.Write().Concat(new byte[PageBytes]).ToArray();
        var freelist = (bytes.Length / PageBytes) - 1;
        BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(freelist * PageBytes), (ulong)freelist);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan((freelist * PageBytes) + 8), 0x10);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan((freelist * PageBytes) + 10), 0xFFFF);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan((freelist * PageBytes) + 16), 1);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan((freelist * PageBytes) + 24), 2);
        ChangeMeta(bytes, meta =>
        {
            BinaryPrimitives.WriteUInt64LittleEndian(meta[32..], (ulong)freelist);
            BinaryPrimitives.WriteUInt64LittleEndian(meta[40..], (ulong)freelist + 1);
        });
        var path = NewPath();
        File.WriteAllBytes(path, bytes);
        BoltContents.Read(path).MustEqual(contents);

        BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan((freelist * PageBytes) + 16), 600);
        File.WriteAllBytes(path, bytes);
        Assert.Contains("freelist counts 600", Assert.Throws<BoltDamagedException>(() => BoltContents.Read(path)).Message, StringComparison.Ordinal);
    }

    private static void ReadOrRefuse(string path)
    {
        try
        {
            BoltContents.Read(path);
        }
        catch (BoltDamagedException)
        {
            // Refused.
        }
    }

    private static SortedDictionary<byte[], byte[]> Records(int count)
    {
        var records = new SortedDictionary<byte[], byte[]>(Comparer<byte[]>.Create((x, y) => x.AsSpan().SequenceCompareTo(y)));
        for (var i = 0; i < count; i++)
        {
            var key = new byte[4];
            BinaryPrimitives.WriteInt32BigEndian(key, i);
            records.Add(key, new byte[100]);
        }

        return records;
    }

    private static int FindPage(byte[] bytes, BoltPageFlags flags)
    {
        for (var page = 2; ; page++)
        {
            if (BinaryPrimitives.ReadUInt16LittleEndian(bytes.AsSpan((page * PageBytes) + 8)) == (ushort)flags)
            {
                return page;
            }
        }
    }

    private static void ChangeMeta(byte[] bytes, Action<Span<byte>> change)
    {
        for (var page = 0; page < 2; page++)
        {
            var meta = bytes.AsSpan((page * PageBytes) + 16, 64);
            change(meta);
            var hash = 0xcbf29ce484222325;
            foreach (var value in meta[..56])
            {
                hash = (hash ^ value) * 0x100000001b3;
            }

            BinaryPrimitives.WriteUInt64LittleEndian(meta[56..], hash);
        }
    }

    private string NewPath() => Path.Combine(_directory, Guid.NewGuid().ToString("N"));

    private enum BoltPageFlags : ushort
    {
        Branch = 1,
        Leaf = 2,
    }
}
