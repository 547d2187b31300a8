using Granary.Protos;

namespace Granary.Client;

/// <summary>What a txn has come to.</summary>
/// <param name="Revision">The revision of the store then; what the txn has written has it.</param>
/// <param name="HasSucceeded">Whether the conditions held.</param>
/// <param name="Results">Of the operations that were done, in their order.</param>
public sealed record TxnResult(long Revision, bool HasSucceeded, IReadOnlyList<OperationResult> Results)
{
    internal static TxnResult Of(TxnResponse response) =>
        new(response.Header?.Revision ?? 0, response.Succeeded, [.. response.Responses.Select(OperationResult.Of)]);
}
