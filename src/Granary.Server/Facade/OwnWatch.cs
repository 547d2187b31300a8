using Granary.Grains.Watches;
using Granary.Protos;

namespace Granary.Server.Facade;

/// <summary>A watcher of the server's own services, such as one who waits for a lock.</summary>
internal sealed class OwnWatch(Watches watches, long stream, WatchOutlet outlet) : IAsyncDisposable
{
    /// <summary>The next response that has events, or null when the watch was canceled: what it needs is compacted, or its caller may not see it.</summary>
    public async Task<WatchResponse?> Next(CancellationToken cancellationToken)
    {
        while (true)
        {
            while (outlet.TryTake(out var outgoing, out _, out var roomAgain))
            {
                if (roomAgain)
                {
                    await watches.Hub.Resume(stream);
                }

                if (outgoing.Response.Canceled)
                {
                    return null;
                }

                if (outgoing.Response.Events.Count > 0)
                {
                    return outgoing.Response;
                }
            }

            await outlet.WaitToTake(cancellationToken);
        }
    }

    public ValueTask DisposeAsync() => watches.Close(stream);
}
