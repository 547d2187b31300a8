using Google.Protobuf;
using Google.Protobuf.Collections;
using Granary.Mvcc.Errors;
using Granary.Protos;

namespace Granary.Mvcc.Evaluation;

/// <summary>What may still be written while an alarm is up: without space what frees it, with a corrupt store nothing.</summary>
public static class AlarmRules
{
    /// <summary>Why a write is refused, or null.</summary>
    public static EtcdError? Check(IMessage request, IKeyspaceView view) =>
        view.HasAlarm(AlarmType.Corrupt) ? EtcdError.Corrupt
        : view.HasAlarm(AlarmType.Nospace) && TakesSpace(request) ? EtcdError.NoSpace
        : null;

    /// <summary>Whether a write may make the store larger: a txn does if any of its branches may, also one that is not taken.</summary>
    public static bool TakesSpace(IMessage request) =>
        request is PutRequest or LeaseGrantRequest || (request is TxnRequest txn && (Puts(txn.Success) || Puts(txn.Failure)));

    private static bool Puts(RepeatedField<RequestOp> branch)
    {
        foreach (var op in branch)
        {
            if (op.RequestCase == RequestOp.RequestOneofCase.RequestPut
                || (op.RequestCase == RequestOp.RequestOneofCase.RequestTxn && TakesSpace(op.RequestTxn)))
            {
                return true;
            }
        }

        return false;
    }
}
