namespace Granary.Testing;

/// <summary>Which program a <see cref="Server"/> runs.</summary>
public enum Product
{
    Etcd,
    Granary,
}
