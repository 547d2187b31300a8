using Granary.Log.Commits;
using Granary.Mvcc.Errors;
using Granary.Protos;
using Granary.Server.Configuration;
using Grpc.Core;

namespace Granary.Server.Facade;

/// <summary>The Watch service: every rpc is a stream of watchers at this silo's hub.</summary>
internal sealed class WatchService(
    WatchHub hub,
    ICommitLog log,
    Member member,
    CallErrors errors,
    ServerOptions options,
    TimeProvider time,
    IHostApplicationLifetime lifetime) : Watch.WatchBase
{
    private const string RequireLeaderKey = "hasleader";

    public override async Task Watch(
        IAsyncStreamReader<WatchRequest> requestStream, IServerStreamWriter<WatchResponse> responseStream, ServerCallContext context)
    {
        var requiresLeader = context.RequestHeaders.GetValue(RequireLeaderKey) == "true";
        CallErrors.ThrowIf(requiresLeader && log.Failure is not null ? EtcdError.NoLeader : null);
        var (stream, outlet) = hub.Open(requiresLeader);
        try
        {
            using var ended = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken, lifetime.ApplicationStopping);
            await new WatchCall(stream, outlet, hub.Grain, member, options, time).Run(requestStream, responseStream, ended);
        }
        catch (OperationCanceledException) when (context.CancellationToken.IsCancellationRequested)
        {
            throw CallErrors.Of(EtcdError.WatchCanceled);
        }
        catch (OperationCanceledException) when (lifetime.ApplicationStopping.IsCancellationRequested)
        {
            // At once, so that the client goes elsewhere, or comes again with the revision it has got to.
            throw CallErrors.Of(EtcdError.Stopped);
        }
        catch (IOException)
        {
            throw CallErrors.Of(EtcdError.WatchCanceled);
        }
        catch (Exception exception)
        {
            throw await errors.Map(exception, context);
        }
        finally
        {
            await hub.Close(stream);
        }
    }
}
