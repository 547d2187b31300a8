using Granary.Protos;

namespace Granary.Testing;

/// <summary>Several etcds that are one cluster.</summary>
public sealed class EtcdGroup : IAsyncDisposable
{
    private EtcdGroup(IReadOnlyList<Server> servers) => Servers = servers;

    public IReadOnlyList<Server> Servers { get; }

    /// <summary>Starts them together, since none is ready before most are there.</summary>
    public static async Task<EtcdGroup> Start(int size, CancellationToken cancellationToken)
    {
        var members = Enumerable.Range(0, size).Select(static number => (Name: $"member{number}", Peer: $"http://127.0.0.1:{LoopbackPorts.Take()}")).ToList();
        var cluster = string.Join(',', members.Select(static member => $"{member.Name}={member.Peer}"));
        var group = new EtcdGroup([.. members.Select(member => Server.NotStarted(
            Product.Etcd,
            $"--name={member.Name}",
            $"--listen-peer-urls={member.Peer}",
            $"--initial-advertise-peer-urls={member.Peer}",
            $"--initial-cluster={cluster}"))]);
        try
        {
            await Task.WhenAll(group.Servers.Select(server => server.StartAgain(cancellationToken)));
            return group;
        }
        catch
        {
            await group.DisposeAsync();
            throw;
        }
    }

    /// <summary>The server that says that it leads; null when none of them does.</summary>
    public async Task<Server?> Leader(CancellationToken cancellationToken)
    {
        foreach (var server in Servers)
        {
            var status = await new Maintenance.MaintenanceClient(server.Channel).StatusAsync(new StatusRequest(), cancellationToken: cancellationToken);
            if (status.Leader == status.Header.MemberId)
            {
                return server;
            }
        }

        return null;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var server in Servers)
        {
            await server.DisposeAsync();
        }
    }
}
