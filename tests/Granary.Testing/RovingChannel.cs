using Grpc.Net.Client;

namespace Granary.Testing;

/// <summary>A channel to one of several servers, and to the next one when that does not answer. A new one: an old one waits ever longer before it connects again.</summary>
public sealed class RovingChannel(IReadOnlyList<Server> servers, int first) : IDisposable
{
    private int _target = first;

    public GrpcChannel Channel { get; private set; } = Channels.To(servers[first % servers.Count].Address);

    public void MoveOn()
    {
        Channel.Dispose();
        Channel = Channels.To(servers[++_target % servers.Count].Address);
    }

    public void Dispose() => Channel.Dispose();
}
