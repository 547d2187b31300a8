using Granary.Protos;

namespace Granary.Client;

/// <summary>Which pairs of a range are read, of when, and in which order.</summary>
public sealed record RangeOptions
{
    /// <summary>How many at most; 0: all.</summary>
    public long Limit { get; init; }

    /// <summary>The revision whose state is read; 0: the newest.</summary>
    public long Revision { get; init; }

    /// <summary>Whether the state may be an old one: the server answers from what it has, and asks nobody.</summary>
    public bool IsSerializable { get; init; }

    /// <summary>Whether the values are left out.</summary>
    public bool KeysOnly { get; init; }

    /// <summary>Whether the pairs are only counted.</summary>
    public bool CountOnly { get; init; }

    /// <summary>What the pairs are ordered by.</summary>
    public SortTarget SortBy { get; init; }

    /// <summary>Whether the last comes first.</summary>
    public bool Descending { get; init; }

    /// <summary>The lowest revision of the last change; 0: any.</summary>
    public long MinModRevision { get; init; }

    /// <summary>The highest revision of the last change; 0: any.</summary>
    public long MaxModRevision { get; init; }

    /// <summary>The lowest revision at which a key came to be; 0: any.</summary>
    public long MinCreateRevision { get; init; }

    /// <summary>The highest revision at which a key came to be; 0: any.</summary>
    public long MaxCreateRevision { get; init; }

    internal RangeRequest Request(KeyRange range) => new()
    {
        Key = range.Key.Wrapped,
        RangeEnd = range.End.Wrapped,
        Limit = Limit,
        Revision = Revision,
        Serializable = IsSerializable,
        KeysOnly = KeysOnly,
        CountOnly = CountOnly,
        SortTarget = (RangeRequest.Types.SortTarget)SortBy,
        SortOrder = Descending ? RangeRequest.Types.SortOrder.Descend
            : SortBy == SortTarget.Key ? RangeRequest.Types.SortOrder.None : RangeRequest.Types.SortOrder.Ascend,
        MinModRevision = MinModRevision,
        MaxModRevision = MaxModRevision,
        MinCreateRevision = MinCreateRevision,
        MaxCreateRevision = MaxCreateRevision,
    };
}
