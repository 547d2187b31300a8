using Granary.Protos;

namespace Granary.Client;

/// <summary>What a server says of itself.</summary>
/// <param name="Version">The version of the API's implementation.</param>
/// <param name="MemberId">Which it is.</param>
/// <param name="LeaderId">Which one leads; 0: none that is known.</param>
/// <param name="Term">The term of leadership.</param>
/// <param name="Revision">The revision of the store.</param>
/// <param name="DatabaseBytes">How many bytes the store takes.</param>
/// <param name="DatabaseBytesInUse">How many of them are in use; <see cref="IGranaryAdministration.DefragmentAsync(CancellationToken)"/> gives the others back.</param>
/// <param name="QuotaBytes">How many bytes the store may take; 0 where it does not say so: an etcd before 3.6, or one that was started without a quota.</param>
/// <param name="IsLearner">Whether it follows only.</param>
/// <param name="Errors">What is wrong with it.</param>
public sealed record ServerStatus(
    string Version,
    ulong MemberId,
    ulong LeaderId,
    ulong Term,
    long Revision,
    long DatabaseBytes,
    long DatabaseBytesInUse,
    long QuotaBytes,
    bool IsLearner,
    IReadOnlyList<string> Errors)
{
    internal static ServerStatus Of(StatusResponse response) => new(
        response.Version,
        response.Header.MemberId,
        response.Leader,
        response.RaftTerm,
        response.Header.Revision,
        response.DbSize,
        response.DbSizeInUse,
        response.DbSizeQuota,
        response.IsLearner,
        [.. response.Errors]);
}
