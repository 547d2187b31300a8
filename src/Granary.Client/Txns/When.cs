using Target = Granary.Protos.Compare.Types.CompareTarget;

namespace Granary.Client;

/// <summary>Begins a condition of a txn: <c>When.ModRevision("a") == 7</c>. Of a range, every key must meet it.</summary>
public static class When
{
    /// <summary>How often the keys were put since they came to be; 0 for one that is not there.</summary>
    public static NumberOperand Version(KeyRange keys) => new(keys, Target.Version);

    /// <summary>The revision at which the keys came to be; 0 for one that is not there.</summary>
    public static NumberOperand CreateRevision(KeyRange keys) => new(keys, Target.Create);

    /// <summary>The revision of the last change of the keys; 0 for one that is not there.</summary>
    public static NumberOperand ModRevision(KeyRange keys) => new(keys, Target.Mod);

    /// <summary>The lease of the keys; 0 is none.</summary>
    public static NumberOperand LeaseId(KeyRange keys) => new(keys, Target.Lease);

    /// <summary>The value of the keys. One that is not there has none: it meets no condition.</summary>
    public static ValueOperand Value(KeyRange keys) => new(keys);

    /// <summary>The key is there.</summary>
    public static Condition Exists(Bytes key) => CreateRevision(key) > 0;

    /// <summary>The key is not there.</summary>
    public static Condition IsMissing(Bytes key) => CreateRevision(key) == 0;
}
