namespace Granary.Testing;

/// <summary>
/// Processes that share a log in a PostgreSQL of their own. With wires, each has one to it, and one from the others, that can be cut. With disks,
/// each has a small one for itself, that can be filled.
/// </summary>
public sealed class PostgresGroup : IAsyncDisposable
{
    private readonly List<TcpProxy> _wires = [];
    private readonly List<TcpProxy> _peerWires = [];
    private readonly List<Server> _servers = [];
    private readonly List<SmallDisk> _disks = [];

    private readonly bool _hasWires;
    private readonly int? _diskMebibytes;
    private readonly string[] _flags;

    private PostgresGroup(PostgresServer database, bool hasWires, int? diskMebibytes, string[] flags)
    {
        Database = database;
        _hasWires = hasWires;
        _diskMebibytes = diskMebibytes;
        _flags = flags;
    }

    public PostgresServer Database { get; }

    public IReadOnlyList<Server> Servers => _servers;

    /// <summary>Starts them one after the other; each is ready before the next.</summary>
    /// <param name="size">How many.</param>
    /// <param name="hasWires">False where speed is measured: a wire costs time, and the CPU of whoever measures.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public static Task<PostgresGroup> Start(int size, bool hasWires, CancellationToken cancellationToken) =>
        Start(size, hasWires, diskMebibytes: null, cancellationToken);

    /// <summary>Starts them on disks of this size, null: on the machine's own, with more flags.</summary>
    public static async Task<PostgresGroup> Start(int size, bool hasWires, int? diskMebibytes, CancellationToken cancellationToken, params string[] flags)
    {
        var group = new PostgresGroup(await PostgresServer.Start(cancellationToken), hasWires, diskMebibytes, flags);
        try
        {
            for (var i = 0; i < size; i++)
            {
                await group.Grow(cancellationToken);
            }

            return group;
        }
        catch
        {
            await group.DisposeAsync();
            throw;
        }
    }

    /// <summary>Starts another one, and returns when it is ready.</summary>
    public async Task<Server> Grow(CancellationToken cancellationToken)
    {
        var peerPort = LoopbackPorts.Take();
        var server = Server.NotStarted(
            Product.Granary,
            [
                "--engine=postgres",
                $"--postgres={Database.ConnectionString(Wire(_wires, Database.Port))}",
                $"--listen-peer-urls=http://127.0.0.1:{peerPort}",
                $"--initial-advertise-peer-urls=http://127.0.0.1:{Wire(_peerWires, peerPort)}",
                .. _flags,
            ]);
        _servers.Add(server);
        if (_diskMebibytes is { } mebibytes)
        {
            _disks.Add(SmallDisk.Over(server.Home, mebibytes));
        }

        await server.StartAgain(cancellationToken);
        return server;
    }

    /// <summary>Between a server and the database.</summary>
    public TcpProxy WireOf(Server server) => _wires[_servers.IndexOf(server)];

    /// <summary>Between the other servers and one, for what they say to it.</summary>
    public TcpProxy PeerWireOf(Server server) => _peerWires[_servers.IndexOf(server)];

    /// <summary>What a server's data directory is on.</summary>
    public SmallDisk DiskOf(Server server) => _disks[_servers.IndexOf(server)];

    /// <summary>The server that runs and leads by what the database says; null when none of them does.</summary>
    public async Task<Server?> Leader(CancellationToken cancellationToken)
    {
        foreach (var server in _servers)
        {
            if (await Database.IsLedBy(server, cancellationToken))
            {
                return server;
            }
        }

        return null;
    }

    /// <summary>Starts those that do not run, as whoever looks after them would.</summary>
    public async Task Mend(CancellationToken cancellationToken)
    {
        foreach (var server in _servers.Where(static server => !server.IsRunning))
        {
            await server.Kill(cancellationToken);
            await server.StartAgain(cancellationToken);
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var disk in _disks)
        {
            disk.Dispose();
        }

        foreach (var server in _servers)
        {
            await server.DisposeAsync();
        }

        foreach (var wire in _wires.Concat(_peerWires))
        {
            await wire.DisposeAsync();
        }

        await Database.DisposeAsync();
    }

    private int Wire(List<TcpProxy> wires, int port)
    {
        if (!_hasWires)
        {
            return port;
        }

        wires.Add(TcpProxy.To(port));
        return wires[^1].Port;
    }
}
