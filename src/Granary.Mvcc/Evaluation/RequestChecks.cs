using Google.Protobuf.Collections;
using Granary.Mvcc.Errors;
using Granary.Protos;

namespace Granary.Mvcc.Evaluation;

/// <summary>What is wrong with a request by its shape alone, in the order in which etcd looks.</summary>
public static class RequestChecks
{
    public static EtcdError? Check(RangeRequest request)
    {
        if (request.Key.IsEmpty)
        {
            return EtcdError.EmptyKey;
        }

        return (uint)request.SortOrder > (uint)RangeRequest.Types.SortOrder.Descend
            || (uint)request.SortTarget > (uint)RangeRequest.Types.SortTarget.Value
                ? EtcdError.InvalidSortOption
                : null;
    }

    /// <summary>The further checks of RangeStream, which answers in key order and unfiltered only.</summary>
    public static EtcdError? CheckStream(RangeRequest request)
    {
        if (Check(request) is { } error)
        {
            return error;
        }

        if (request.SortOrder != RangeRequest.Types.SortOrder.None
            && (request.SortOrder != RangeRequest.Types.SortOrder.Ascend || request.SortTarget != RangeRequest.Types.SortTarget.Key))
        {
            return EtcdError.StreamSortOrder;
        }

        return RangeEvaluation.HasFilter(request) ? EtcdError.StreamFilter : null;
    }

    public static EtcdError? Check(PutRequest request)
    {
        if (request.Key.IsEmpty)
        {
            return EtcdError.EmptyKey;
        }

        if (request.IgnoreValue && !request.Value.IsEmpty)
        {
            return EtcdError.ValueProvided;
        }

        return request.IgnoreLease && request.Lease != 0 ? EtcdError.LeaseProvided : null;
    }

    public static EtcdError? Check(DeleteRangeRequest request) => request.Key.IsEmpty ? EtcdError.EmptyKey : null;

    /// <param name="request">The txn, both branches and all nested txns of which are looked at.</param>
    /// <param name="maxOps">Compares, success and failure operations may each count this many; a nested txn has what the outer one left.</param>
    public static EtcdError? Check(TxnRequest request, int maxOps) => CheckShape(request, maxOps) ?? TxnKeyOverlap.Check(request);

    private static EtcdError? CheckShape(TxnRequest request, int maxOps)
    {
        var ops = Math.Max(request.Compare.Count, Math.Max(request.Success.Count, request.Failure.Count));
        if (ops > maxOps)
        {
            return EtcdError.TooManyOps;
        }

        foreach (var compare in request.Compare)
        {
            if (compare.Key.IsEmpty)
            {
                return EtcdError.EmptyKey;
            }
        }

        return CheckBranch(request.Success, maxOps - ops) ?? CheckBranch(request.Failure, maxOps - ops);
    }

    private static EtcdError? CheckBranch(RepeatedField<RequestOp> branch, int opsLeft)
    {
        foreach (var op in branch)
        {
            var error = op.RequestCase switch
            {
                RequestOp.RequestOneofCase.RequestRange => Check(op.RequestRange),
                RequestOp.RequestOneofCase.RequestPut => Check(op.RequestPut),
                RequestOp.RequestOneofCase.RequestDeleteRange => Check(op.RequestDeleteRange),
                RequestOp.RequestOneofCase.RequestTxn => CheckShape(op.RequestTxn, opsLeft),
                _ => EtcdError.KeyNotFound,
            };
            if (error is not null)
            {
                return error;
            }
        }

        return null;
    }
}
