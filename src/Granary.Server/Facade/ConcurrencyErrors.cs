using Granary.Mvcc.Errors;
using Grpc.Core;

namespace Granary.Server.Facade;

/// <summary>Errors of locks and elections. In etcd these services are clients of the others, and lose the code on the way: only the text is left.</summary>
internal sealed class ConcurrencyErrors(CallErrors errors)
{
    public static RpcException Of(string text) => new(new Status(StatusCode.Unknown, text));

    public async ValueTask<RpcException> Map(Exception exception, ServerCallContext context) =>
        exception is EtcdException etcd && etcd.Error.Code != StatusCode.Unavailable ? Of(etcd.Error.Text) : await errors.Map(exception, context);
}
