using System.Globalization;
using System.Text;
using Google.Protobuf;

namespace Granary.Benchmarks.Load;

/// <summary>The keys and values of a load, made once: the same for the same seed.</summary>
internal sealed class KeySpace
{
    // Different enough that no server gains by seeing the same value twice in a row.
    private const int Values = 64;

    private readonly ByteString[] _keys;
    private readonly ByteString[] _values = new ByteString[Values];

    public KeySpace(int keys, int keyBytes, int valueBytes, int seed)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(keys);
        ArgumentOutOfRangeException.ThrowIfNegative(valueBytes);
        var digits = (keys - 1).ToString(CultureInfo.InvariantCulture).Length;
        ArgumentOutOfRangeException.ThrowIfLessThan(keyBytes, digits);

        Seed = seed;
        _keys = new ByteString[keys];
        var text = new byte[keyBytes];
        for (var i = 0; i < keys; i++)
        {
            text.AsSpan().Fill((byte)'k');
            var number = i.ToString(CultureInfo.InvariantCulture).PadLeft(digits, '0');
            Encoding.ASCII.GetBytes(number, text.AsSpan(keyBytes - digits));
            _keys[i] = ByteString.CopyFrom(text);
        }

        Prefixes = [.. Enumerable.Range('0', 10).Select(digit => ByteString.CopyFrom([.. _keys[0].Span[..(keyBytes - digits)], (byte)digit]))];

        var random = new Random(seed);
        var value = new byte[valueBytes];
        for (var i = 0; i < Values; i++)
        {
            random.NextBytes(value);
            _values[i] = ByteString.CopyFrom(value);
        }
    }

    public int Seed { get; }

    public int Count => _keys.Length;

    /// <summary>Those that together all keys begin with: one for each first digit.</summary>
    public IReadOnlyList<ByteString> Prefixes { get; }

    public ByteString Key(int index) => _keys[index];

    public ByteString Value(int index) => _values[index % Values];
}
