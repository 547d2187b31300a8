using Google.Protobuf;
using Granary.Mvcc.Keys;

namespace Granary.Storage.Replicas;

/// <summary>How a range map is stored: version, count, then id and first key of each range.</summary>
internal static class RangeMapCodec
{
    public static void Write(ByteWriter target, RangeMap map)
    {
        target.Varint(map.Version);
        target.Varint(map.Count);
        for (var i = 0; i < map.Count; i++)
        {
            target.Varint(map.IdAt(i).Value);
            target.LengthAndBytes(map.StartAt(i).Span);
        }
    }

    public static RangeMap Read(ref ByteReader reader)
    {
        var version = reader.Varint();
        var count = reader.Varint();
        var ranges = new List<(RangeId, ByteString)>();
        for (var i = 0; i < count; i++)
        {
            ranges.Add((new RangeId(reader.Varint()), ByteString.CopyFrom(reader.LengthAndBytes())));
        }

        return new RangeMap(version, ranges);
    }
}
