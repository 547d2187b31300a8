using Google.Protobuf;
using static Granary.Protos.RangeRequest.Types;

namespace Granary.Conformance.Tests;

/// <summary>
/// etcd leaves open in which order keys with equal sort values come, and which of them a limit cuts off. Answers are brought into a
/// form in which only the rest is compared: ties in key order, and of the ties at a cut only how many there are.
/// </summary>
internal static class Ties
{
    public static void Settle(IMessage request, IMessage answer)
    {
        switch (request, answer)
        {
            case (RangeRequest range, RangeResponse response):
                Settle(range, response);
                break;
            case (TxnRequest txn, TxnResponse response):
                foreach (var (op, result) in (response.Succeeded ? txn.Success : txn.Failure).Zip(response.Responses))
                {
                    if (op.RequestRange is { } range)
                    {
                        Settle(range, result.ResponseRange);
                    }
                    else if (op.RequestTxn is { } nested)
                    {
                        Settle(nested, result.ResponseTxn);
                    }
                }

                break;
        }
    }

    private static void Settle(RangeRequest request, RangeResponse response)
    {
        if (request.SortTarget == SortTarget.Key)
        {
            return;
        }

        var groups = new List<List<KeyValue>>();
        foreach (var kv in response.Kvs)
        {
            if (groups.Count > 0 && SortsLike(request, groups[^1][0], kv))
            {
                groups[^1].Add(kv);
            }
            else
            {
                groups.Add([kv]);
            }
        }

        if (response.More && groups.Count > 0)
        {
            groups[^1] = [.. groups[^1].Select(kv => OnlySortValue(request, kv))];
        }

        response.Kvs.Clear();
        response.Kvs.Add(groups.SelectMany(group => group.OrderBy(kv => kv.Key, ByOrderOfBytes)));
    }

    private static bool SortsLike(RangeRequest request, KeyValue one, KeyValue other) => request.SortTarget switch
    {
        SortTarget.Version => one.Version == other.Version,
        SortTarget.Create => one.CreateRevision == other.CreateRevision,
        SortTarget.Mod => one.ModRevision == other.ModRevision,
        // Sorted by values that are not sent: any two may be ties.
        _ => request.KeysOnly || one.Value == other.Value,
    };

    private static KeyValue OnlySortValue(RangeRequest request, KeyValue kv) => request.SortTarget switch
    {
        SortTarget.Version => new KeyValue { Version = kv.Version },
        SortTarget.Create => new KeyValue { CreateRevision = kv.CreateRevision },
        SortTarget.Mod => new KeyValue { ModRevision = kv.ModRevision },
        _ => new KeyValue { Value = kv.Value },
    };

    private static readonly IComparer<ByteString> ByOrderOfBytes =
        Comparer<ByteString>.Create((one, other) => one.Span.SequenceCompareTo(other.Span));
}
