using Google.Protobuf;
using Grpc.Core;

namespace Granary.Conformance.Tests;

/// <summary>Sends a request message to the method that takes it.</summary>
internal static class Calls
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(30);

    public static async Task<Answer> Ask(Server server, IMessage request, CancellationToken cancellationToken)
    {
        var kv = new KV.KVClient(server.Channel);
        var options = new CallOptions(deadline: DateTime.UtcNow + Deadline, cancellationToken: cancellationToken);
        try
        {
            return Answer.Of(request switch
            {
                RangeRequest range => await kv.RangeAsync(range, options),
                PutRequest put => await kv.PutAsync(put, options),
                DeleteRangeRequest delete => await kv.DeleteRangeAsync(delete, options),
                TxnRequest txn => await kv.TxnAsync(txn, options),
                CompactionRequest compaction => (IMessage)await kv.CompactAsync(compaction, options),
                _ => throw new ArgumentException($"No method takes {request.Descriptor.Name}.", nameof(request)),
            });
        }
        catch (RpcException error)
        {
            return Answer.Of(error);
        }
    }

    /// <summary>A unary call whose bytes are ours, to any method of any service, known to the server or not.</summary>
    public static async Task<(Status Status, byte[]? Response)> AskRaw(
        Server server, string service, string method, byte[] request, CancellationToken cancellationToken)
    {
        var bytes = Marshallers.Create(value => value, value => value);
        var call = server.Channel.CreateCallInvoker().AsyncUnaryCall(
            new Method<byte[], byte[]>(MethodType.Unary, service, method, bytes, bytes),
            host: null,
            new CallOptions(deadline: DateTime.UtcNow + Deadline, cancellationToken: cancellationToken),
            request);
        try
        {
            return (Status.DefaultSuccess, await call);
        }
        catch (RpcException error)
        {
            return (new Status(error.StatusCode, error.Status.Detail), null);
        }
    }
}
