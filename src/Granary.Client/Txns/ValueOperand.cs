using Granary.Protos;
using Result = Granary.Protos.Compare.Types.CompareResult;

namespace Granary.Client;

/// <summary>The value of keys, to be compared with another by the order of bytes.</summary>
public readonly record struct ValueOperand
{
    private readonly KeyRange _keys;

    internal ValueOperand(KeyRange keys) => _keys = keys;

    /// <summary>It is this value.</summary>
    public static Condition operator ==(ValueOperand operand, Bytes value) => operand.Is(Result.Equal, value);

    /// <summary>It is another value.</summary>
    public static Condition operator !=(ValueOperand operand, Bytes value) => operand.Is(Result.NotEqual, value);

    /// <summary>It is before this value.</summary>
    public static Condition operator <(ValueOperand operand, Bytes value) => operand.Is(Result.Less, value);

    /// <summary>It is behind this value.</summary>
    public static Condition operator >(ValueOperand operand, Bytes value) => operand.Is(Result.Greater, value);

    private Condition Is(Result result, Bytes value) => new(new Compare
    {
        Key = _keys.Key.Wrapped,
        RangeEnd = _keys.End.Wrapped,
        Target = Compare.Types.CompareTarget.Value,
        Result = result,
        Value = value.Wrapped,
    });
}
