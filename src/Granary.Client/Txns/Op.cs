using Granary.Protos;

namespace Granary.Client;

/// <summary>Makes the operations of a txn.</summary>
public static class Op
{
    /// <summary>Puts a key.</summary>
    public static Operation Put(Bytes key, Bytes value, PutOptions? options = null) =>
        new(new RequestOp { RequestPut = (options ?? GranaryClient.PutDefaults).Request(key, value) });

    /// <summary>Deletes the keys of a range.</summary>
    public static Operation Delete(KeyRange range, DeleteOptions? options = null) =>
        new(new RequestOp { RequestDeleteRange = (options ?? GranaryClient.DeleteDefaults).Request(range) });

    /// <summary>Reads the pairs of a range.</summary>
    public static Operation Range(KeyRange range, RangeOptions? options = null) =>
        new(new RequestOp { RequestRange = (options ?? GranaryClient.RangeDefaults).Request(range) });

    /// <summary>A txn within the txn. Its conditions are of the state before the whole, as those of the outer one.</summary>
    public static Operation Txn(IEnumerable<Condition> conditions, IEnumerable<Operation> then, IEnumerable<Operation> otherwise)
    {
        ArgumentNullException.ThrowIfNull(conditions);
        ArgumentNullException.ThrowIfNull(then);
        ArgumentNullException.ThrowIfNull(otherwise);
        var txn = new TxnRequest();
        txn.Compare.AddRange(conditions.Select(static condition => condition.Compare));
        txn.Success.AddRange(then.Select(static operation => operation.Request));
        txn.Failure.AddRange(otherwise.Select(static operation => operation.Request));
        return new Operation(new RequestOp { RequestTxn = txn });
    }
}
