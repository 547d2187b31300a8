using Google.Protobuf;
using Google.Protobuf.Collections;
using Granary.Mvcc.Keys;
using Granary.Protos;

namespace Granary.Grains.KeyRanges;

/// <summary>Which ranges a request needs to itself, in key order: all that it may write or decides on, in every branch.</summary>
public static class RangesTouched
{
    public static IReadOnlyList<RangeId> By(DeleteRangeRequest request, RangeMap map)
    {
        var (first, last) = map.Find(new KeyRange(request.Key, request.RangeEnd));
        return Ids(map, Enumerable.Range(first, last - first + 1));
    }

    public static IReadOnlyList<RangeId> By(TxnRequest request, RangeMap map)
    {
        if (map.Count == 1)
        {
            return [map.IdAt(0)];
        }

        var positions = new SortedSet<int>();
        Add(request, map, positions);
        return positions.Count == 0 ? [map.IdAt(0)] : Ids(map, positions);
    }

    private static void Add(TxnRequest request, RangeMap map, SortedSet<int> positions)
    {
        foreach (var compare in request.Compare)
        {
            Add(new KeyRange(compare.Key, compare.RangeEnd), map, positions);
        }

        Add(request.Success, map, positions);
        Add(request.Failure, map, positions);
    }

    private static void Add(RepeatedField<RequestOp> branch, RangeMap map, SortedSet<int> positions)
    {
        foreach (var op in branch)
        {
            switch (op.RequestCase)
            {
                case RequestOp.RequestOneofCase.RequestRange:
                    Add(new KeyRange(op.RequestRange.Key, op.RequestRange.RangeEnd), map, positions);
                    break;
                case RequestOp.RequestOneofCase.RequestPut:
                    Add(new KeyRange(op.RequestPut.Key, ByteString.Empty), map, positions);
                    break;
                case RequestOp.RequestOneofCase.RequestDeleteRange:
                    Add(new KeyRange(op.RequestDeleteRange.Key, op.RequestDeleteRange.RangeEnd), map, positions);
                    break;
                case RequestOp.RequestOneofCase.RequestTxn:
                    Add(op.RequestTxn, map, positions);
                    break;
            }
        }
    }

    private static void Add(KeyRange keys, RangeMap map, SortedSet<int> positions)
    {
        var (first, last) = map.Find(keys);
        for (var position = first; position <= last; position++)
        {
            positions.Add(position);
        }
    }

    private static RangeId[] Ids(RangeMap map, IEnumerable<int> positions) => [.. positions.Select(map.IdAt)];
}
