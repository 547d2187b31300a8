using Google.Protobuf;
using Granary.Protos;

namespace Granary.Storage.Replicas;

/// <summary>How a pair is stored: create revision, mod revision, version, lease as varints, then the value. The key is elsewhere.</summary>
internal static class PairCodec
{
    public static void Write(ByteWriter target, KeyValue pair)
    {
        target.Varint(pair.CreateRevision);
        target.Varint(pair.ModRevision);
        target.Varint(pair.Version);
        target.Varint(pair.Lease);
        target.Bytes(pair.Value.Span);
    }

    public static KeyValue Read(ReadOnlySpan<byte> stored, ByteString key, bool withValue = true)
    {
        var reader = new ByteReader(stored);
        var pair = new KeyValue
        {
            Key = key,
            CreateRevision = reader.Varint(),
            ModRevision = reader.Varint(),
            Version = reader.Varint(),
            Lease = reader.Varint(),
        };
        if (withValue && !reader.IsAtEnd)
        {
            pair.Value = ByteString.CopyFrom(reader.Rest);
        }

        return pair;
    }

    public static long ReadModRevision(ReadOnlySpan<byte> stored)
    {
        var reader = new ByteReader(stored);
        reader.Varint();
        return reader.Varint();
    }

    public static (long ModRevision, long Lease) ReadModRevisionAndLease(ReadOnlySpan<byte> stored)
    {
        var reader = new ByteReader(stored);
        reader.Varint();
        var modRevision = reader.Varint();
        reader.Varint();
        return (modRevision, reader.Varint());
    }
}
