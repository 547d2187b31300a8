using System.Buffers;
using System.Text;
using CsCheck;
using Granary.Storage.Bolt;

namespace Granary.Storage.Tests.Bolt;

/// <summary>Buckets by name with records by key, to be written to a file and read from one.</summary>
public sealed class BoltContents : SortedDictionary<string, SortedDictionary<byte[], byte[]>>
{
    private static readonly Comparer<byte[]> KeyOrder = Comparer<byte[]>.Create((x, y) => x.AsSpan().SequenceCompareTo(y));

    private static readonly Gen<byte[]> Value = Gen.Frequency(
        (6, Gen.Byte.Array[0, 40]), (3, Gen.Byte.Array[100, 400]), (1, Gen.Int[3900, 4200].SelectMany(n => Gen.Byte.Array[n])), (1, Gen.Byte.Array[9000, 13000]));

    private static readonly Gen<SortedDictionary<byte[], byte[]>> Bucket = Gen.Select(Gen.Byte.Array[1, 40], Value).Array[0, 300].Select(records =>
    {
        var bucket = new SortedDictionary<byte[], byte[]>(KeyOrder);
        foreach (var (key, value) in records)
        {
            bucket[key] = value;
        }

        return bucket;
    });

    /// <summary>Some buckets of any size: in the page of the others, of one page, of several levels.</summary>
    public static readonly Gen<BoltContents> Any = Gen.Select(Gen.Int[0, 30], Bucket).Array[1, 6].Select(buckets =>
    {
        var contents = new BoltContents();
        foreach (var (name, records) in buckets)
        {
            contents[$"bucket{name}"] = records;
        }

        return contents;
    });

    public BoltContents()
        : base(StringComparer.Ordinal)
    {
    }

    public byte[] Write()
    {
        var output = new ArrayBufferWriter<byte>();
        var layout = Add(BoltWriter.ToPlan());
        Add(BoltWriter.To(output, layout));
        Assert.Equal(layout.SizeBytes, output.WrittenCount);
        return output.WrittenSpan.ToArray();
    }

    /// <exception cref="BoltDamagedException">The file is none.</exception>
    public static BoltContents Read(string path)
    {
        using var file = BoltFile.Open(path, long.MaxValue);
        var contents = new BoltContents();
        var buckets = file.Root();
        while (buckets.MoveNext())
        {
            var records = new SortedDictionary<byte[], byte[]>(KeyOrder);
            if (buckets.IsBucket)
            {
                var cursor = buckets.OpenBucket();
                while (cursor.MoveNext())
                {
                    records.Add(cursor.Key.ToArray(), cursor.Value.ToArray());
                }
            }

            contents.Add(Encoding.Latin1.GetString(buckets.Key), records);
        }

        return contents;
    }

    public void MustEqual(BoltContents other)
    {
        Assert.Equal(Keys, other.Keys);
        foreach (var (name, records) in this)
        {
            Assert.Equal(records.Select(Text), other[name].Select(Text));
        }
    }

    private static string Text(KeyValuePair<byte[], byte[]> record) => Convert.ToHexString(record.Key) + "=" + Convert.ToHexString(record.Value);

    private BoltLayout Add(BoltWriter writer)
    {
        foreach (var (name, records) in this)
        {
            writer.BeginBucket(Encoding.Latin1.GetBytes(name));
            foreach (var (key, value) in records)
            {
                writer.Add(key, value);
            }

            writer.EndBucket();
        }

        return writer.Complete();
    }
}
