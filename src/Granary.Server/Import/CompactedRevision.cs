using Google.Protobuf;
using Granary.Mvcc.Errors;
using Granary.Protos;
using Grpc.Core;

namespace Granary.Server.Import;

/// <summary>Finds out to which revision a server is compacted: no call is made for that, but a watch that asks for too much is told.</summary>
internal static class CompactedRevision
{
    private static readonly ByteString AnyKey = ByteString.CopyFrom(0);

    /// <summary>The revision; -1 when the server was never compacted.</summary>
    public static async Task<long> Find(EtcdEndpoint server, CancellationToken cancellationToken)
    {
        try
        {
            await server.Kv.RangeAsync(new RangeRequest { Key = AnyKey, Revision = 1 }, cancellationToken: cancellationToken);
            return -1;
        }
        catch (RpcException exception) when (IsReasonOf(exception))
        {
            using var call = server.Watch.Watch(cancellationToken: cancellationToken);
            await call.RequestStream.WriteAsync(
                new WatchRequest { CreateRequest = new WatchCreateRequest { Key = AnyKey, StartRevision = 1 } }, cancellationToken);
            while (await call.ResponseStream.MoveNext(cancellationToken))
            {
                if (call.ResponseStream.Current.CompactRevision > 0)
                {
                    return call.ResponseStream.Current.CompactRevision;
                }
            }

            throw new RpcException(new Status(StatusCode.Unavailable, "the watch ended"));
        }
    }

    /// <summary>Whether a call was refused because its revision is compacted.</summary>
    public static bool IsReasonOf(RpcException exception) =>
        exception.StatusCode == EtcdError.Compacted.Code && exception.Status.Detail == EtcdError.Compacted.Text;
}
