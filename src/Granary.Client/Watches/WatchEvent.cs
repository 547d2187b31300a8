using Granary.Protos;

namespace Granary.Client;

/// <summary>One change of one key.</summary>
public sealed record WatchEvent
{
    /// <summary>Whether the key was deleted; else it was put.</summary>
    public required bool IsDeletion { get; init; }

    /// <summary>The pair since. Of a deletion it has the key, and the revision in <see cref="KeyValue.ModRevision"/>.</summary>
    public required KeyValue KeyValue { get; init; }

    /// <summary>The pair of before; null if there was none, it is compacted, or it was not asked for.</summary>
    public KeyValue? Previous { get; init; }

    /// <summary>The key.</summary>
    public Bytes Key => KeyValue.Key;

    /// <summary>The value; empty of a deletion.</summary>
    public Bytes Value => KeyValue.Value;

    /// <summary>The revision of the change.</summary>
    public long Revision => KeyValue.ModRevision;

    internal static WatchEvent Of(Event told) => new()
    {
        IsDeletion = told.Type == Event.Types.EventType.Delete,
        KeyValue = KeyValue.Of(told.Kv),
        Previous = KeyValue.OfOrNull(told.PrevKv),
    };
}
