using System.Text;
using Google.Protobuf;

namespace Granary.Client;

/// <summary>
/// A key or a value: bytes, or text as UTF-8. It is made from <see cref="string"/>, <c>byte[]</c> and <see cref="ReadOnlyMemory{T}"/> without a word.
/// It copies nothing: whoever made it from an array leaves that as it is.
/// </summary>
public readonly struct Bytes(ReadOnlyMemory<byte> memory) : IEquatable<Bytes>, IComparable<Bytes>
{
    /// <summary>The bytes.</summary>
    public ReadOnlyMemory<byte> Memory => memory;

    /// <summary>The bytes.</summary>
    public ReadOnlySpan<byte> Span => memory.Span;

    /// <summary>How many.</summary>
    public int Length => memory.Length;

    /// <summary>Whether there is none.</summary>
    public bool IsEmpty => memory.IsEmpty;

    /// <summary>Text as UTF-8.</summary>
    public static implicit operator Bytes(string text) => FromString(text);

    /// <summary>The bytes of an array, which stay where they are.</summary>
    public static implicit operator Bytes(byte[] bytes)
    {
        ArgumentNullException.ThrowIfNull(bytes);
        return new Bytes(bytes.AsMemory());
    }

    /// <summary>Bytes, which stay where they are.</summary>
    public static implicit operator Bytes(ReadOnlyMemory<byte> memory) => new(memory);

    /// <summary>Bytes that are the same are one.</summary>
    public static bool operator ==(Bytes left, Bytes right) => left.Equals(right);

    /// <summary>Bytes that differ, in length or in a byte.</summary>
    public static bool operator !=(Bytes left, Bytes right) => !left.Equals(right);

    /// <summary>Whether one comes before the other in the order of keys.</summary>
    public static bool operator <(Bytes left, Bytes right) => left.CompareTo(right) < 0;

    /// <summary>Whether one comes before the other in the order of keys, or they are one.</summary>
    public static bool operator <=(Bytes left, Bytes right) => left.CompareTo(right) <= 0;

    /// <summary>Whether one comes behind the other in the order of keys.</summary>
    public static bool operator >(Bytes left, Bytes right) => left.CompareTo(right) > 0;

    /// <summary>Whether one comes behind the other in the order of keys, or they are one.</summary>
    public static bool operator >=(Bytes left, Bytes right) => left.CompareTo(right) >= 0;

    /// <summary>Text as UTF-8.</summary>
    public static Bytes FromString(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return new Bytes(Encoding.UTF8.GetBytes(text));
    }

    /// <summary>A copy of the bytes.</summary>
    public byte[] ToArray() => memory.ToArray();

    /// <summary>By bytes, as keys are ordered.</summary>
    public int CompareTo(Bytes other) => Span.SequenceCompareTo(other.Span);

    /// <inheritdoc/>
    public bool Equals(Bytes other) => Span.SequenceEqual(other.Span);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is Bytes other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        var hash = default(HashCode);
        hash.AddBytes(Span);
        return hash.ToHashCode();
    }

    /// <summary>The bytes as UTF-8 text. What is none is replaced by U+FFFD.</summary>
    public override string ToString() => Encoding.UTF8.GetString(Span);

    /// <summary>A copy with text behind it.</summary>
    internal Bytes With(string text)
    {
        var bytes = new byte[memory.Length + Encoding.UTF8.GetByteCount(text)];
        Span.CopyTo(bytes);
        Encoding.UTF8.GetBytes(text, bytes.AsSpan(memory.Length));
        return bytes;
    }

    internal ByteString Wrapped => memory.IsEmpty ? ByteString.Empty : UnsafeByteOperations.UnsafeWrap(memory);

    internal static Bytes Of(ByteString bytes) => new(bytes.Memory);
}
