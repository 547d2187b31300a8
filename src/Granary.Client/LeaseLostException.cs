using Grpc.Core;

namespace Granary.Client;

/// <summary>A lease has ended, or may have: what was held by it is not held any more.</summary>
/// <param name="leaseId">Which.</param>
public sealed class LeaseLostException(long leaseId)
    : GranaryException($"The lease {leaseId:x} has ended, or could not be renewed in time.", StatusCode.NotFound, mayHaveHappened: false)
{
    /// <summary>Which.</summary>
    public long LeaseId => leaseId;
}
