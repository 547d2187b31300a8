using System.Text;
using CsCheck;

namespace Granary.Client.Tests;

/// <summary>Keys and ranges of them.</summary>
public sealed class KeyTests
{
    private static readonly byte[] Edges = [0, 1, 0x7f, 0xfe, 0xff];

    private static readonly Gen<byte[]> AnyKey = Gen.Int[0, 4].Select(static place => Edges[place]).Array[1, 4];

    [Fact]
    public void A_prefix_is_the_range_of_the_keys_that_begin_with_it() => Gen.Select(AnyKey, AnyKey).Sample((prefix, key) =>
        Assert.Equal(key.AsSpan().StartsWith(prefix), Contains(KeyRange.Prefix(prefix), key)));

    [Fact]
    public void An_empty_prefix_is_the_range_of_all_keys() => Assert.Equal(KeyRange.All, KeyRange.Prefix(""));

    [Fact]
    public void A_range_goes_on_behind_a_key_with_the_very_next_one() => Gen.Select(AnyKey, AnyKey).Sample((last, key) =>
        Assert.Equal(Order(key, last) > 0, Contains(KeyRange.All.Behind(last), key)));

    [Fact]
    public void Bytes_are_equal_by_what_they_are()
    {
        Bytes text = "grün";
        Assert.Equal(text, new Bytes(Encoding.UTF8.GetBytes("grün")));
        Assert.Equal(text.GetHashCode(), new Bytes(Encoding.UTF8.GetBytes("grün")).GetHashCode());
        Assert.True(text != "grun");
        Assert.Equal("grün", text.ToString());
    }

    [Fact]
    public void There_is_no_empty_key_and_no_range_that_ends_before_it_begins()
    {
        Assert.Throws<ArgumentException>(() => KeyRange.Of(""));
        Assert.Throws<ArgumentException>(() => KeyRange.Between("b", "b"));
        Assert.Throws<ArgumentException>(() => KeyRange.Between("", "\0"));
        Assert.Throws<ArgumentNullException>(() => KeyRange.Prefix((byte[])null!));
    }

    private static bool Contains(KeyRange range, byte[] key) =>
        Order(key, range.Key.ToArray()) >= 0 && (range.End == new byte[] { 0 } || Order(key, range.End.ToArray()) < 0);

    private static int Order(byte[] left, byte[] right) => left.AsSpan().SequenceCompareTo(right);
}
