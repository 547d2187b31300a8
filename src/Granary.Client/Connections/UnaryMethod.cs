using Google.Protobuf;
using Granary.Protos;

namespace Granary.Client.Connections;

/// <summary>A method of the API with one request and one answer.</summary>
/// <param name="Name">Service and method, <c>KV/Range</c>.</param>
/// <param name="Answers">Reads an answer.</param>
internal sealed record UnaryMethod<TRequest, TResponse>(string Name, MessageParser<TResponse> Answers)
    where TRequest : IMessage
    where TResponse : IMessage<TResponse>;

/// <summary>The methods that the client calls.</summary>
internal static class UnaryMethods
{
    public static readonly UnaryMethod<RangeRequest, RangeResponse> Range = new("KV/Range", RangeResponse.Parser);

    public static readonly UnaryMethod<PutRequest, PutResponse> Put = new("KV/Put", PutResponse.Parser);

    public static readonly UnaryMethod<DeleteRangeRequest, DeleteRangeResponse> DeleteRange = new("KV/DeleteRange", DeleteRangeResponse.Parser);

    public static readonly UnaryMethod<TxnRequest, TxnResponse> Txn = new("KV/Txn", TxnResponse.Parser);

    public static readonly UnaryMethod<CompactionRequest, CompactionResponse> Compact = new("KV/Compact", CompactionResponse.Parser);

    public static readonly UnaryMethod<LeaseGrantRequest, LeaseGrantResponse> LeaseGrant = new("Lease/LeaseGrant", LeaseGrantResponse.Parser);

    public static readonly UnaryMethod<LeaseRevokeRequest, LeaseRevokeResponse> LeaseRevoke = new("Lease/LeaseRevoke", LeaseRevokeResponse.Parser);

    public static readonly UnaryMethod<LeaseTimeToLiveRequest, LeaseTimeToLiveResponse> LeaseTimeToLive = new("Lease/LeaseTimeToLive", LeaseTimeToLiveResponse.Parser);

    public static readonly UnaryMethod<LeaseLeasesRequest, LeaseLeasesResponse> LeaseLeases = new("Lease/LeaseLeases", LeaseLeasesResponse.Parser);

    /// <summary>A stream that ends after its first request, and therefore after its first answer: on the wire it is no other than those.</summary>
    public static readonly UnaryMethod<LeaseKeepAliveRequest, LeaseKeepAliveResponse> LeaseKeepAlive = new("Lease/LeaseKeepAlive", LeaseKeepAliveResponse.Parser);

    public static readonly UnaryMethod<StatusRequest, StatusResponse> Status = new("Maintenance/Status", StatusResponse.Parser);

    public static readonly UnaryMethod<AuthenticateRequest, AuthenticateResponse> Authenticate = new("Auth/Authenticate", AuthenticateResponse.Parser);
}
