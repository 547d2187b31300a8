namespace Granary.Client;

/// <summary>A key with its value, as it was at a revision.</summary>
public sealed record KeyValue
{
    /// <summary>The key.</summary>
    public required Bytes Key { get; init; }

    /// <summary>The value; empty where keys alone were asked for, and for a key that was deleted.</summary>
    public required Bytes Value { get; init; }

    /// <summary>The revision at which the key came to be; 0 for one that was deleted.</summary>
    public required long CreateRevision { get; init; }

    /// <summary>The revision of its last change.</summary>
    public required long ModRevision { get; init; }

    /// <summary>How often it was put since it came to be; 0 for one that was deleted.</summary>
    public required long Version { get; init; }

    /// <summary>The lease by whose end it is deleted; 0 is none.</summary>
    public required long LeaseId { get; init; }

    internal static KeyValue Of(Protos.KeyValue pair) => new()
    {
        Key = Bytes.Of(pair.Key),
        Value = Bytes.Of(pair.Value),
        CreateRevision = pair.CreateRevision,
        ModRevision = pair.ModRevision,
        Version = pair.Version,
        LeaseId = pair.Lease,
    };

    internal static KeyValue? OfOrNull(Protos.KeyValue? pair) => pair is null ? null : Of(pair);
}
