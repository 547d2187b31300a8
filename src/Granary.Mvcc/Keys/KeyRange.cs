using Google.Protobuf;

namespace Granary.Mvcc.Keys;

/// <summary>
/// The keys that a request names by <c>key</c> and <c>range_end</c>. It alone knows etcd's rules for the two:
/// an empty end is the single key, the one byte zero is "every key from here on", an end at or below the key is empty.
/// </summary>
public readonly record struct KeyRange(ByteString Start, ByteString End)
{
    private static readonly ByteString OpenEnd = ByteString.CopyFrom(0);

    /// <summary>Every key there can be.</summary>
    public static readonly KeyRange All = new(OpenEnd, OpenEnd);

    public bool IsSingleKey => End.IsEmpty;

    public bool IsOpenEnded => End.Length == 1 && End[0] == 0;

    public bool IsEmpty => !IsSingleKey && !IsOpenEnded && Compare(End, Start) <= 0;

    public bool Contains(ByteString key) => Contains(key.Span);

    public bool Contains(ReadOnlySpan<byte> key) => IsSingleKey
        ? key.SequenceEqual(Start.Span)
        : key.SequenceCompareTo(Start.Span) >= 0 && (IsOpenEnded || key.SequenceCompareTo(End.Span) < 0);

    /// <summary>The first key behind the range, or null when it has no end.</summary>
    public ByteString? ExclusiveEnd() => IsSingleKey ? Successor(Start) : IsOpenEnded ? null : End;

    /// <summary>The smallest key that sorts behind <paramref name="key"/>.</summary>
    public static ByteString Successor(ByteString key)
    {
        var next = new byte[key.Length + 1];
        key.Span.CopyTo(next);
        return UnsafeByteOperations.UnsafeWrap(next);
    }

    /// <summary>Order of keys: unsigned bytes, the shorter first.</summary>
    public static int Compare(ByteString left, ByteString right) => left.Span.SequenceCompareTo(right.Span);
}
