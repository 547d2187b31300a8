using Granary.Protos;
using Result = Granary.Protos.Compare.Types.CompareResult;
using Target = Granary.Protos.Compare.Types.CompareTarget;

namespace Granary.Client;

/// <summary>A number that keys have, to be compared with another.</summary>
public readonly record struct NumberOperand
{
    private readonly KeyRange _keys;
    private readonly Target _target;

    internal NumberOperand(KeyRange keys, Target target) => (_keys, _target) = (keys, target);

    /// <summary>It is this number.</summary>
    public static Condition operator ==(NumberOperand operand, long number) => operand.Is(Result.Equal, number);

    /// <summary>It is another number.</summary>
    public static Condition operator !=(NumberOperand operand, long number) => operand.Is(Result.NotEqual, number);

    /// <summary>It is less.</summary>
    public static Condition operator <(NumberOperand operand, long number) => operand.Is(Result.Less, number);

    /// <summary>It is more.</summary>
    public static Condition operator >(NumberOperand operand, long number) => operand.Is(Result.Greater, number);

    private Condition Is(Result result, long number)
    {
        var compare = new Compare { Key = _keys.Key.Wrapped, RangeEnd = _keys.End.Wrapped, Target = _target, Result = result };
        switch (_target)
        {
            case Target.Version:
                compare.Version = number;
                break;
            case Target.Create:
                compare.CreateRevision = number;
                break;
            case Target.Mod:
                compare.ModRevision = number;
                break;
            default:
                compare.Lease = number;
                break;
        }

        return new Condition(compare);
    }
}
