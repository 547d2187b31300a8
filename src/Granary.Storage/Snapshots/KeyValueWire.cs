using Granary.Storage.Replicas;

namespace Granary.Storage.Snapshots;

/// <summary>A pair as etcd stores it, the KeyValue message, written and read in place: a message object for each of millions would be dear.</summary>
internal readonly ref struct KeyValueWire
{
    private const byte KeyTag = 0x0a;
    private const byte CreateRevisionTag = 0x10;
    private const byte ModRevisionTag = 0x18;
    private const byte VersionTag = 0x20;
    private const byte ValueTag = 0x2a;
    private const byte LeaseTag = 0x30;
    private const int VarintWireType = 0;
    private const int Fixed64WireType = 1;
    private const int BytesWireType = 2;
    private const int Fixed32WireType = 5;

    public ReadOnlySpan<byte> Key { get; init; }

    public long CreateRevision { get; init; }

    public long ModRevision { get; init; }

    public long Version { get; init; }

    public ReadOnlySpan<byte> Value { get; init; }

    public long Lease { get; init; }

    public static KeyValueWire Of(Protos.KeyValue pair) => new()
    {
        Key = pair.Key.Span,
        CreateRevision = pair.CreateRevision,
        ModRevision = pair.ModRevision,
        Version = pair.Version,
        Value = pair.Value.Span,
        Lease = pair.Lease,
    };

    /// <summary>A pair as <see cref="PairCodec"/> stores it.</summary>
    public static KeyValueWire FromStored(ReadOnlySpan<byte> key, ReadOnlySpan<byte> stored)
    {
        var reader = new ByteReader(stored);
        return new KeyValueWire
        {
            Key = key,
            CreateRevision = reader.Varint(),
            ModRevision = reader.Varint(),
            Version = reader.Varint(),
            Lease = reader.Varint(),
            Value = reader.Rest,
        };
    }

    public int Size()
    {
        var size = 1 + VarintSize(Key.Length) + Key.Length + NumberSize(CreateRevision) + NumberSize(ModRevision) + NumberSize(Version)
            + NumberSize(Lease);
        return Value.IsEmpty ? size : size + 1 + VarintSize(Value.Length) + Value.Length;
    }

    /// <param name="target">At least <see cref="Size"/> bytes.</param>
    public void Write(Span<byte> target)
    {
        target = WriteBytes(target, KeyTag, Key);
        target = WriteNumber(target, CreateRevisionTag, CreateRevision);
        target = WriteNumber(target, ModRevisionTag, ModRevision);
        target = WriteNumber(target, VersionTag, Version);
        if (!Value.IsEmpty)
        {
            target = WriteBytes(target, ValueTag, Value);
        }

        WriteNumber(target, LeaseTag, Lease);
    }

    /// <exception cref="InvalidDataException">The bytes are no such message.</exception>
    public static KeyValueWire Read(ReadOnlySpan<byte> bytes)
    {
        ReadOnlySpan<byte> key = default;
        ReadOnlySpan<byte> value = default;
        long create = 0, mod = 0, version = 0, lease = 0;
        var reader = new ByteReader(bytes);
        while (!reader.IsAtEnd)
        {
            var tag = reader.Varint();
            switch (tag)
            {
                case KeyTag:
                    key = reader.LengthAndBytes();
                    break;
                case CreateRevisionTag:
                    create = reader.Varint();
                    break;
                case ModRevisionTag:
                    mod = reader.Varint();
                    break;
                case VersionTag:
                    version = reader.Varint();
                    break;
                case ValueTag:
                    value = reader.LengthAndBytes();
                    break;
                case LeaseTag:
                    lease = reader.Varint();
                    break;
                default:
                    Skip(ref reader, tag);
                    break;
            }
        }

        return new KeyValueWire { Key = key, CreateRevision = create, ModRevision = mod, Version = version, Value = value, Lease = lease };
    }

    // A later version may have more fields.
    private static void Skip(ref ByteReader reader, long tag)
    {
        switch (tag & 7)
        {
            case VarintWireType:
                reader.Varint();
                break;
            case Fixed64WireType:
                reader.Bytes(8);
                break;
            case BytesWireType:
                reader.LengthAndBytes();
                break;
            case Fixed32WireType:
                reader.Bytes(4);
                break;
            default:
                throw new InvalidDataException("a stored message holds a field of no known kind");
        }
    }

    private static int NumberSize(long value) => value == 0 ? 0 : 1 + VarintSize(value);

    private static int VarintSize(long value)
    {
        var size = 1;
        for (var rest = (ulong)value; rest >= 0x80; rest >>= 7)
        {
            size++;
        }

        return size;
    }

    private static Span<byte> WriteBytes(Span<byte> target, byte tag, ReadOnlySpan<byte> value)
    {
        target[0] = tag;
        target = WriteVarint(target[1..], value.Length);
        value.CopyTo(target);
        return target[value.Length..];
    }

    private static Span<byte> WriteNumber(Span<byte> target, byte tag, long value)
    {
        if (value == 0)
        {
            return target;
        }

        target[0] = tag;
        return WriteVarint(target[1..], value);
    }

    private static Span<byte> WriteVarint(Span<byte> target, long value)
    {
        var length = 0;
        var rest = (ulong)value;
        for (; rest >= 0x80; rest >>= 7)
        {
            target[length++] = (byte)(rest | 0x80);
        }

        target[length++] = (byte)rest;
        return target[length..];
    }
}
