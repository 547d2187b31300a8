using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;

namespace Granary.Cluster.Tests.Postgres;

/// <summary>Tests of processes that share a log in a PostgreSQL of their own.</summary>
public abstract class PostgresTest : IAsyncLifetime
{
    /// <summary>The exit code of a server that can write no more.</summary>
    protected const int CannotWrite = 74;

    protected static readonly TimeSpan Generous = TimeSpan.FromSeconds(60);

    private readonly List<Server> _servers = [];

    protected static CancellationToken Stop => TestContext.Current.CancellationToken;

    protected PostgresServer Database { get; private set; } = null!;

    public async ValueTask InitializeAsync() => Database = await PostgresServer.Start(Stop);

    public async ValueTask DisposeAsync()
    {
        foreach (var server in _servers)
        {
            await server.DisposeAsync();
        }

        await Database.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    /// <summary>A server that leads.</summary>
    protected Task<Server> Leader(params string[] flags) => Leader(null, flags);

    /// <param name="port">By which it reaches the database.</param>
    /// <param name="flags">Its other flags.</param>
    protected async Task<Server> Leader(int? port, params string[] flags)
    {
        var server = NotStarted(port, flags);
        await server.StartAgain(Stop);
        return server;
    }

    /// <summary>A server that follows, as another one leads.</summary>
    protected Task<Server> Follower(params string[] flags) => Leader(null, flags);

    protected Server NotStarted(int? port, params string[] flags) => Over(Database.ConnectionString(port), flags);

    /// <param name="connection">How it reaches its database.</param>
    /// <param name="flags">Its other flags.</param>
    protected Server Over(string connection, params string[] flags)
    {
        var server = Server.NotStarted(Product.Granary, ["--engine=postgres", $"--postgres={connection}", .. flags]);
        _servers.Add(server);
        return server;
    }

    /// <summary>Waits until a server that followed leads and serves.</summary>
    protected Task Leads(Server server) => Eventually.Holds(
        "it leads",
        async () =>
        {
            try
            {
                // Whoever follows serves as well: that it answers says nothing.
                return await Database.IsLedBy(server, Stop) && await Get(server, "leads") is null;
            }
            catch (RpcException)
            {
                return false;
            }
        },
        Generous,
        Stop);

    protected static Task<long> Put(Server server, string key, string value, TimeSpan? deadline = null) => Put(server.Channel, key, value, deadline);

    protected static async Task<long> Put(GrpcChannel channel, string key, string value, TimeSpan? deadline = null) =>
        (await new KV.KVClient(channel).PutAsync(
            new PutRequest { Key = ByteString.CopyFromUtf8(key), Value = ByteString.CopyFromUtf8(value) },
            deadline: DateTime.UtcNow + (deadline ?? Generous),
            cancellationToken: Stop)).Header.Revision;

    protected static async Task<KeyValue?> Get(Server server, string key, bool isSerializable = false) =>
        (await new KV.KVClient(server.Channel).RangeAsync(
            new RangeRequest { Key = ByteString.CopyFromUtf8(key), Serializable = isSerializable }, deadline: DateTime.UtcNow + Generous, cancellationToken: Stop))
        .Kvs.SingleOrDefault();
}
