using Granary.Grains.Watches;
using Granary.Mvcc.Auth;
using Granary.Protos;
using Granary.Server.Configuration;
using Orleans.Runtime;

namespace Granary.Server.Facade;

/// <summary>This silo's watch hub, and streams of watchers at it.</summary>
internal sealed class Watches(IGrainFactory grains, ILocalSiloDetails silo, WatchStreams streams, ServerOptions options)
{
    public IWatchHubGrain Hub { get; } = grains.GetGrain<IWatchHubGrain>(silo.SiloAddress.ToParsableString());

    /// <summary>Opens a stream; <see cref="Close"/> frees it.</summary>
    public (long Stream, WatchOutlet Outlet) Open(bool requiresLeader)
    {
        var outlet = new WatchOutlet(options.WatchStreamBufferBytes, requiresLeader);
        return (streams.Open(outlet), outlet);
    }

    public async ValueTask Close(long stream)
    {
        streams.Close(stream);
        try
        {
            await Hub.Close(stream);
        }
        catch (Exception exception) when (exception is OrleansException or TimeoutException or OperationCanceledException)
        {
            // The silo stops, and the hub with it.
        }
    }

    /// <summary>Watches on a caller's behalf for a service of this server; until the watch is disposed.</summary>
    public async Task<OwnWatch> Watch(WatchCreateRequest request, Caller caller)
    {
        var (stream, outlet) = Open(requiresLeader: false);
        await Hub.Create(stream, request, caller);
        return new OwnWatch(this, stream, outlet);
    }
}
