namespace Granary.Client;

/// <summary>One key, or all keys from one to another in the order of their bytes. A key, as text or bytes, is the range of that key.</summary>
public readonly struct KeyRange : IEquatable<KeyRange>
{
    private static readonly Bytes Zero = new byte[] { 0 };

    private KeyRange(Bytes key, Bytes end) => (Key, End) = (key, end);

    /// <summary>Every key.</summary>
    public static KeyRange All { get; } = new(Zero, Zero);

    /// <summary>The first key.</summary>
    public Bytes Key { get; }

    /// <summary>The key behind the last one, as the API has it: empty for one key alone, one byte of zero for no end.</summary>
    public Bytes End { get; }

    /// <summary>The range of one key.</summary>
    public static implicit operator KeyRange(string key) => Of(key);

    /// <summary>The range of one key.</summary>
    public static implicit operator KeyRange(byte[] key) => Of(key);

    /// <summary>The range of one key.</summary>
    public static implicit operator KeyRange(Bytes key) => Of(key);

    /// <summary>Ranges of the same keys.</summary>
    public static bool operator ==(KeyRange left, KeyRange right) => left.Equals(right);

    /// <summary>Ranges of other keys.</summary>
    public static bool operator !=(KeyRange left, KeyRange right) => !left.Equals(right);

    /// <summary>One key.</summary>
    /// <exception cref="ArgumentException">It is empty: there is no such key.</exception>
    public static KeyRange Of(Bytes key) =>
        key.IsEmpty ? throw new ArgumentException("A key is not empty.", nameof(key)) : new KeyRange(key, default);

    /// <summary>All keys that begin with these bytes; with none, every key.</summary>
    public static KeyRange Prefix(Bytes prefix)
    {
        var last = prefix.Span.LastIndexOfAnyExcept((byte)0xff);
        if (last < 0)
        {
            return prefix.IsEmpty ? All : From(prefix);
        }

        var end = prefix.Span[..(last + 1)].ToArray();
        end[last]++;
        return new KeyRange(prefix, end);
    }

    /// <summary>A key, and all behind it.</summary>
    public static KeyRange From(Bytes key) => new(key.IsEmpty ? Zero : key, Zero);

    /// <summary>From a key on, and before another.</summary>
    /// <exception cref="ArgumentException">There is no key between them.</exception>
    public static KeyRange Between(Bytes from, Bytes before) =>
        from.Span.SequenceCompareTo(before.Span) < 0 && before != Zero
            ? new KeyRange(from.IsEmpty ? Zero : from, before)
            : throw new ArgumentException($"There is no key from '{from}' on and before '{before}'.", nameof(before));

    /// <inheritdoc/>
    public bool Equals(KeyRange other) => Key == other.Key && End == other.End;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is KeyRange other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Key, End);

    /// <inheritdoc/>
    public override string ToString() => End.IsEmpty ? $"{Key}" : End == Zero ? $"[{Key}, …)" : $"[{Key}, {End})";

    /// <summary>As the API has it.</summary>
    internal static KeyRange Of(Google.Protobuf.ByteString key, Google.Protobuf.ByteString end) => new(Bytes.Of(key), Bytes.Of(end));

    /// <summary>What is behind a key of this range.</summary>
    internal KeyRange Behind(Bytes key)
    {
        var next = new byte[key.Length + 1];
        key.Span.CopyTo(next);
        return new KeyRange(next, End);
    }
}
