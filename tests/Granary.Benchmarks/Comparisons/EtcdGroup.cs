using Granary.Protos;
using Granary.Testing;

namespace Granary.Benchmarks.Comparisons;

/// <summary>Members of one cluster of etcd.</summary>
internal sealed class EtcdGroup : IAsyncDisposable
{
    private readonly List<Server> _servers = [];

    private EtcdGroup()
    {
    }

    public IReadOnlyList<Server> Servers => _servers;

    public static async Task<EtcdGroup> Start(int size, CancellationToken cancellationToken)
    {
        var group = new EtcdGroup();
        var peers = Enumerable.Range(0, size).Select(static _ => $"http://127.0.0.1:{LoopbackPorts.Take()}").ToList();
        var members = string.Join(',', peers.Select(static (peer, i) => $"m{i}={peer}"));
        group._servers.AddRange(peers.Select((peer, i) => Server.NotStarted(
            Product.Etcd, "--name", $"m{i}", "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", members)));
        try
        {
            // None is ready before most of them are.
            await Task.WhenAll(group._servers.Select(server => server.StartAgain(cancellationToken)));
            return group;
        }
        catch
        {
            await group.DisposeAsync();
            throw;
        }
    }

    public async Task<Server?> Leader(CancellationToken cancellationToken)
    {
        foreach (var server in _servers)
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
        foreach (var server in _servers)
        {
            await server.DisposeAsync();
        }
    }
}
