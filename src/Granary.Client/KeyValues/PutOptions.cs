using Granary.Protos;

namespace Granary.Client;

/// <summary>How a key is put.</summary>
public sealed record PutOptions
{
    /// <summary>The lease by whose end the key is deleted; 0: none.</summary>
    public long LeaseId { get; init; }

    /// <summary>Whether the pair of before is told.</summary>
    public bool ReturnPrevious { get; init; }

    /// <summary>Whether the value stays as it is. The key must be there.</summary>
    public bool KeepValue { get; init; }

    /// <summary>Whether the lease stays as it is. The key must be there.</summary>
    public bool KeepLease { get; init; }

    internal PutRequest Request(Bytes key, Bytes value) => new()
    {
        Key = key.Wrapped,
        Value = value.Wrapped,
        Lease = LeaseId,
        PrevKv = ReturnPrevious,
        IgnoreValue = KeepValue,
        IgnoreLease = KeepLease,
    };
}
