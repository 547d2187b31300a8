using Google.Protobuf;
using Granary.Mvcc.Errors;
using Granary.Server.Configuration;

namespace Granary.Server.Facade;

/// <summary>The bound on write requests. etcd measures the request as it stands in its log, some bytes more than on the wire.</summary>
internal sealed class RequestSize(ServerOptions options)
{
    // Field and length of the request in etcd's record, and the record's own header with its id.
    private const int RecordOverheadBytes = 18;

    /// <summary>What a client may send at all: room for a request that is too large to be told so.</summary>
    public static int MaxMessageBytes(ServerOptions options) => options.MaxRequestBytes + (512 << 10);

    /// <exception cref="EtcdException">It is too large.</exception>
    public void Check(IMessage request) =>
        EtcdException.ThrowIf(request.CalculateSize() + RecordOverheadBytes > options.MaxRequestBytes ? EtcdError.RequestTooLarge : null);
}
