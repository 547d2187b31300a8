using Granary.Mvcc.Keys;
using Granary.Protos;
using CompareResult = Granary.Protos.Compare.Types.CompareResult;
using CompareTarget = Granary.Protos.Compare.Types.CompareTarget;

namespace Granary.Mvcc.Evaluation;

/// <summary>Decides the compares of a txn on the state before it.</summary>
internal static class CompareEvaluation
{
    private static readonly KeyValue Missing = new();

    /// <param name="compare">One compare; with a range it must hold for each key, an empty range counts as one missing key.</param>
    /// <param name="view">The state before the txn.</param>
    /// <param name="onRevisionRead">Told each pair whose revision decides.</param>
    /// <param name="cancellationToken">Leaves a long range.</param>
    public static bool Holds(Compare compare, IKeyspaceView view, Action<KeyValue> onRevisionRead, CancellationToken cancellationToken)
    {
        var keys = new KeyRange(compare.Key, compare.RangeEnd);
        if (keys.IsSingleKey)
        {
            return Holds(compare, view.Find(compare.Key, view.Revision), onRevisionRead);
        }

        if (keys.IsEmpty)
        {
            return Holds(compare, null, onRevisionRead);
        }

        using var cursor = view.Scan(keys, view.Revision);
        var any = false;
        for (var seen = 0; cursor.MoveNext(cancellationToken); seen++)
        {
            if (seen % 1024 == 1023)
            {
                cancellationToken.ThrowIfCancellationRequested();
            }

            any = true;
            if (!Holds(compare, cursor.Read(compare.Target == CompareTarget.Value), onRevisionRead))
            {
                return false;
            }
        }

        return any || Holds(compare, null, onRevisionRead);
    }

    private static bool Holds(Compare compare, KeyValue? pair, Action<KeyValue> onRevisionRead)
    {
        if (pair is null)
        {
            if (compare.Target == CompareTarget.Value)
            {
                return false;
            }

            pair = Missing;
        }
        else if (compare.Target is CompareTarget.Create or CompareTarget.Mod)
        {
            onRevisionRead(pair);
        }

        // A target that no enum names compares as equal, a result that no enum names holds: so does etcd.
        var order = compare.Target switch
        {
            CompareTarget.Version => pair.Version.CompareTo(compare.Version),
            CompareTarget.Create => pair.CreateRevision.CompareTo(compare.CreateRevision),
            CompareTarget.Mod => pair.ModRevision.CompareTo(compare.ModRevision),
            CompareTarget.Value => KeyRange.Compare(pair.Value, compare.Value),
            CompareTarget.Lease => pair.Lease.CompareTo(compare.Lease),
            _ => 0,
        };
        return compare.Result switch
        {
            CompareResult.Equal => order == 0,
            CompareResult.NotEqual => order != 0,
            CompareResult.Greater => order > 0,
            CompareResult.Less => order < 0,
            _ => true,
        };
    }
}
