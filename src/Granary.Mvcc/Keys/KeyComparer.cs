using Google.Protobuf;

namespace Granary.Mvcc.Keys;

/// <summary>The order of keys, as a comparer.</summary>
public sealed class KeyComparer : IComparer<ByteString>
{
    public static readonly KeyComparer Instance = new();

    public int Compare(ByteString? x, ByteString? y) => KeyRange.Compare(x!, y!);
}
