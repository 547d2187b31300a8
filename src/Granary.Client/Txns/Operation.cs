using Granary.Protos;

namespace Granary.Client;

/// <summary>What a txn does in one step with others. <see cref="Op"/> makes one.</summary>
public sealed class Operation
{
    internal Operation(RequestOp request) => Request = request;

    internal RequestOp Request { get; }
}
