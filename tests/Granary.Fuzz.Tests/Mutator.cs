using System.Buffers.Binary;

namespace Granary.Fuzz.Tests;

/// <summary>Makes inputs out of chance: changes those that are good, in the ways in which bytes go wrong.</summary>
internal sealed class Mutator(Random random)
{
    // Where lengths, counts and indexes go over an edge.
    private static readonly long[] Edges =
    [
        0, 1, -1, 2, 7, 8, 0x7e, 0x7f, 0x80, 0xff, 0x100, 0xfff, 0x1000, 0x7fff, 0x8000, 0xffff, 0x10000, 0xffffff, int.MaxValue, int.MinValue, uint.MaxValue,
        1L << 32, 1L << 62, long.MaxValue, long.MinValue,
    ];

    /// <summary>From 0 to below a bound.</summary>
    public int Below(int bound) => random.Next(bound);

    /// <summary>True once in so many times.</summary>
    public bool OneIn(int times) => random.Next(times) == 0;

    public T Of<T>(IReadOnlyList<T> choices) => choices[random.Next(choices.Count)];

    /// <summary>A number, mostly one at which something begins or ends.</summary>
    public long Number() => random.Next(3) switch
    {
        0 => Of(Edges),
        1 => Of(Edges) + random.Next(-2, 3),
        _ => random.NextInt64(long.MinValue, long.MaxValue) >> random.Next(64),
    };

    public byte[] Bytes(int count)
    {
        var bytes = new byte[count];
        random.NextBytes(bytes);
        return bytes;
    }

    /// <summary>Some changes to a copy, mostly few.</summary>
    /// <param name="seed">What is changed.</param>
    /// <param name="grow">Whether its length may change.</param>
    public byte[] Mutate(byte[] seed, bool grow = true)
    {
        var bytes = (byte[])seed.Clone();
        for (var left = 1 + random.Next(random.Next(1, 8)); left > 0; left--)
        {
            bytes = grow && OneIn(2) ? Reshaped(bytes) : Overwritten(bytes);
        }

        return bytes;
    }

    /// <summary>Two of them, the beginning of one and the end of the other.</summary>
    public byte[] Spliced(byte[] first, byte[] second) =>
        [.. first.AsSpan(0, random.Next(first.Length + 1)), .. second.AsSpan(random.Next(second.Length + 1))];

    private byte[] Overwritten(byte[] bytes)
    {
        if (bytes.Length == 0)
        {
            return bytes;
        }

        var at = random.Next(bytes.Length);
        switch (random.Next(7))
        {
            case 0:
                bytes[at] ^= (byte)(1 << random.Next(8));
                break;
            case 1:
                bytes[at] = (byte)random.Next(256);
                break;
            case 2:
                bytes[at] = Of<byte>([0, 1, 0x7f, 0x80, 0xff, (byte)(bytes[at] + 1), (byte)(bytes[at] - 1)]);
                break;
            case 3:
                WriteNumber(bytes.AsSpan(at));
                break;
            case 4:
                random.NextBytes(Range(bytes));
                break;
            case 5:
                Range(bytes).Fill(Of<byte>([0, 0xff, (byte)' ', (byte)random.Next(256)]));
                break;
            default:
                Swap(bytes);
                break;
        }

        return bytes;
    }

    private byte[] Reshaped(byte[] bytes)
    {
        var at = random.Next(bytes.Length + 1);
        var to = at + random.Next(Math.Min(bytes.Length - at, 1 + random.Next(1000)) + 1);
        return random.Next(5) switch
        {
            0 => bytes[..at],
            1 => [.. bytes.AsSpan(0, at), .. bytes.AsSpan(to)],
            2 => [.. bytes.AsSpan(0, to), .. bytes.AsSpan(at)],
            3 => [.. bytes.AsSpan(0, at), .. Bytes(1 + random.Next(20)), .. bytes.AsSpan(at)],
            _ => [.. bytes.AsSpan(0, at), .. Enumerable.Repeat((byte)random.Next(256), 1 + random.Next(300)), .. bytes.AsSpan(at)],
        };
    }

    private void WriteNumber(Span<byte> target)
    {
        Span<byte> number = stackalloc byte[8];
        var value = Number();
        var size = Math.Min(target.Length, 1 << random.Next(4));
        if (OneIn(2))
        {
            BinaryPrimitives.WriteInt64LittleEndian(number, value);
            number[..size].CopyTo(target);
        }
        else
        {
            BinaryPrimitives.WriteInt64BigEndian(number, value);
            number[^size..].CopyTo(target);
        }
    }

    private Span<byte> Range(byte[] bytes)
    {
        var at = random.Next(bytes.Length);
        return bytes.AsSpan(at, 1 + random.Next(Math.Min(bytes.Length - at, 1 + random.Next(600))));
    }

    private void Swap(byte[] bytes)
    {
        var size = 1 + random.Next(Math.Max(1, Math.Min(bytes.Length / 2, 1 << random.Next(13))));
        var (from, to) = (random.Next(bytes.Length - size + 1), random.Next(bytes.Length - size + 1));
        var moved = bytes.AsSpan(from, size).ToArray();
        bytes.AsSpan(to, size).CopyTo(bytes.AsSpan(from));
        moved.CopyTo(bytes, to);
    }
}
