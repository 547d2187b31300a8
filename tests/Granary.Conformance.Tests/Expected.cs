using Grpc.Core;

namespace Granary.Conformance.Tests;

/// <summary>An error as the specification states it: code and exact text.</summary>
internal sealed record Expected(StatusCode Code, string Text)
{
    public static readonly Expected EmptyKey = new(StatusCode.InvalidArgument, "etcdserver: key is not provided");
    public static readonly Expected KeyNotFound = new(StatusCode.InvalidArgument, "etcdserver: key not found");
    public static readonly Expected ValueProvided = new(StatusCode.InvalidArgument, "etcdserver: value is provided");
    public static readonly Expected LeaseProvided = new(StatusCode.InvalidArgument, "etcdserver: lease is provided");
    public static readonly Expected TooManyOps = new(StatusCode.InvalidArgument, "etcdserver: too many operations in txn request");
    public static readonly Expected DuplicateKey = new(StatusCode.InvalidArgument, "etcdserver: duplicate key given in txn request");
    public static readonly Expected InvalidSortOption = new(StatusCode.InvalidArgument, "etcdserver: invalid sort option");
    public static readonly Expected RequestTooLarge = new(StatusCode.InvalidArgument, "etcdserver: request is too large");
    public static readonly Expected LeaseNotFound = new(StatusCode.NotFound, "etcdserver: requested lease not found");
    public static readonly Expected Compacted = new(StatusCode.OutOfRange, "etcdserver: mvcc: required revision has been compacted");
    public static readonly Expected FutureRevision = new(StatusCode.OutOfRange, "etcdserver: mvcc: required revision is a future revision");

    public override string ToString() => $"{(int)Code} {Code} \"{Text}\"";
}
