using Granary.Protos;

namespace Granary.Client;

/// <summary>What an operation of a txn has come to. Of its properties one is there, by the kind of the operation.</summary>
public sealed record OperationResult
{
    /// <summary>Of <see cref="Op.Range"/>.</summary>
    public RangeResult? Range { get; private init; }

    /// <summary>Of <see cref="Op.Put"/>.</summary>
    public PutResult? Put { get; private init; }

    /// <summary>Of <see cref="Op.Delete"/>.</summary>
    public DeleteResult? Delete { get; private init; }

    /// <summary>Of <see cref="Op.Txn"/>.</summary>
    public TxnResult? Txn { get; private init; }

    internal static OperationResult Of(ResponseOp response) => response.ResponseCase switch
    {
        ResponseOp.ResponseOneofCase.ResponseRange => new OperationResult { Range = RangeResult.Of(response.ResponseRange) },
        ResponseOp.ResponseOneofCase.ResponsePut => new OperationResult { Put = PutResult.Of(response.ResponsePut) },
        ResponseOp.ResponseOneofCase.ResponseDeleteRange => new OperationResult { Delete = DeleteResult.Of(response.ResponseDeleteRange) },
        _ => new OperationResult { Txn = TxnResult.Of(response.ResponseTxn) },
    };
}
