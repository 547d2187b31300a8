using Granary.Protos;

namespace Granary.Client;

/// <summary>A condition of a txn. <see cref="When"/> makes one.</summary>
public sealed class Condition
{
    internal Condition(Compare compare) => Compare = compare;

    internal Compare Compare { get; }

    /// <inheritdoc/>
    public override string ToString() => $"{Compare.Target} of {Bytes.Of(Compare.Key)} {Compare.Result}";
}
