using Granary.Client.Connections;
using Granary.Protos;

namespace Granary.Client;

/// <summary>
/// Operations that are done in one step, by a condition: <c>client.Txn().If(When.ModRevision("a") == 7).Then(Op.Put("a", "b")).CommitAsync()</c>.
/// </summary>
public sealed class Txn
{
    private readonly ICalls _calls;
    private readonly TxnRequest _request = new();

    internal Txn(ICalls calls) => _calls = calls;

    /// <summary>Adds conditions; all must hold. Without any the operations of <see cref="Then"/> are done.</summary>
    public Txn If(params ReadOnlySpan<Condition> conditions)
    {
        foreach (var condition in conditions)
        {
            _request.Compare.Add(condition.Compare);
        }

        return this;
    }

    /// <summary>Adds operations that are done if the conditions hold.</summary>
    public Txn Then(params ReadOnlySpan<Operation> operations)
    {
        foreach (var operation in operations)
        {
            _request.Success.Add(operation.Request);
        }

        return this;
    }

    /// <summary>Adds operations that are done if a condition does not hold.</summary>
    public Txn Else(params ReadOnlySpan<Operation> operations)
    {
        foreach (var operation in operations)
        {
            _request.Failure.Add(operation.Request);
        }

        return this;
    }

    /// <summary>Does it.</summary>
    /// <exception cref="GranaryException">It was refused, or there is no answer; see <see cref="GranaryException.MayHaveHappened"/>.</exception>
    public async Task<TxnResult> CommitAsync(CancellationToken cancellationToken = default)
    {
        if (_request.Success.Count + _request.Failure.Count > 0 || _request.Compare.Count == 0)
        {
            return TxnResult.Of(await _calls.Ask(IsRead(_request) ? UnaryMethods.ReadTxn : UnaryMethods.Txn, _request, cancellationToken).ConfigureAwait(false));
        }

        // etcd takes a txn that does nothing for one that any server may decide by what it has, however old. A read makes it ask.
        var read = new RequestOp { RequestRange = new RangeRequest { Key = _request.Compare[0].Key, KeysOnly = true } };
        var asked = new TxnRequest { Compare = { _request.Compare }, Success = { read }, Failure = { read } };
        return TxnResult.Of(await _calls.Ask(UnaryMethods.ReadTxn, asked, cancellationToken).ConfigureAwait(false)) with { Results = [] };
    }

    private static bool IsRead(TxnRequest request) => request.Success.Concat(request.Failure).All(static operation => operation.RequestCase switch
    {
        RequestOp.RequestOneofCase.RequestRange => true,
        RequestOp.RequestOneofCase.RequestTxn => IsRead(operation.RequestTxn),
        _ => false,
    });
}
