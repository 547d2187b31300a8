using Granary.Server.InCluster;
using Grpc.Core;

namespace Granary.Server.Facade;

/// <summary>What the services want of the connection that a call came by, and what holds where it came by none.</summary>
internal static class CallConnection
{
    /// <summary>What somebody has set for the HTTP request of a call; null where there is none.</summary>
    public static T? Feature<T>(this ServerCallContext call)
        where T : class => call is InClusterCall ? null : call.GetHttpContext().Features.Get<T>();

    /// <summary>Has something disposed when the caller has its answer, or is gone.</summary>
    public static void HoldUntilEnd(this ServerCallContext call, IDisposable held)
    {
        if (call is InClusterCall direct)
        {
            direct.HoldUntilEnd(held);
        }
        else
        {
            call.GetHttpContext().Response.RegisterForDispose(held);
        }
    }

    /// <summary>What a line of the log names a call by that has no trace.</summary>
    public static string Identifier(this ServerCallContext call) => call is InClusterCall ? "unknown" : call.GetHttpContext().TraceIdentifier;
}
