using Granary.Log.Commits;
using Granary.Mvcc.Errors;
using Granary.Protos;
using Granary.Server.Configuration;
using Granary.Server.Identity;
using Granary.Server.Metrics;
using Grpc.Core;

namespace Granary.Server.Facade;

/// <summary>The Watch service: every rpc is a stream of watchers at this silo's hub.</summary>
internal sealed class WatchService(
    Callers callers,
    Watches watches,
    ILeadership leadership,
    Member member,
    LastingCalls lasting,
    CallErrors errors,
    ServerOptions options,
    TimeProvider time) : Watch.WatchBase
{
    private const string RequireLeaderKey = "hasleader";

    public override async Task Watch(
        IAsyncStreamReader<WatchRequest> requestStream, IServerStreamWriter<WatchResponse> responseStream, ServerCallContext context)
    {
        var requiresLeader = context.RequestHeaders.GetValue(RequireLeaderKey) == "true";
        CallErrors.ThrowIf(requiresLeader && !leadership.IsHeard ? EtcdError.NoLeader : null);
        var (stream, outlet) = watches.Open(requiresLeader);
        try
        {
            using var ended = lasting.Begin(context);
            await new WatchCall(stream, () => callers.Of(context), outlet, watches.Hub, member, options, time).Run(requestStream.Metered(context), responseStream.Metered(context), ended);
        }
        catch (Exception exception) when (CallErrors.IsDeparture(exception, context))
        {
            throw CallErrors.Of(EtcdError.WatchCanceled);
        }
        catch (Exception exception)
        {
            throw await errors.Map(exception, context);
        }
        finally
        {
            await watches.Close(stream);
        }
    }
}
