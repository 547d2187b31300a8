using Granary.Grains.KeyRanges;
using Granary.Protos;
using Granary.Server.Configuration;
using Granary.Server.Hosting;
using Granary.Storage.Replicas;
using Granary.Testing;
using Grpc.Net.Client;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Granary.Server.Tests;

/// <summary>A server in this process, so that its counters can be read, reached by a real client over loopback.</summary>
internal sealed class InProcessServer : IAsyncDisposable
{
    private readonly GranaryServer _server;
    private readonly string _directory;

    private InProcessServer(GranaryServer server, string directory, string address)
    {
        _server = server;
        _directory = directory;
        Address = address;
        Channel = Channels.To(address);
        Kv = new KV.KVClient(Channel);
    }

    public string Address { get; }

    public string DataDirectory => Path.Combine(_directory, "data");

    public GrpcChannel Channel { get; }

    public KV.KVClient Kv { get; }

    public IServiceProvider Services => _server.Services;

    public Replica Replica => Services.GetRequiredService<Replica>();

    public LatchTable Latches => Services.GetRequiredService<LatchTable>();

    public static async Task<InProcessServer> Start(CancellationToken cancellationToken, Func<ServerOptions, ServerOptions>? change = null)
    {
        var directory = Directory.CreateTempSubdirectory("granary-server-").FullName;
        var address = $"http://127.0.0.1:{LoopbackPorts.Take()}";
        var options = new ServerOptions
        {
            DataDirectory = Path.Combine(directory, "data"),
            Engine = Engine.Memory,
            ListenClientUrls = [ListenUrl.Parse(address)],
            AdvertiseClientUrls = [address],
            LogLevel = LogLevel.Error,
        };
        return new InProcessServer(await GranaryServer.Start(change?.Invoke(options) ?? options, cancellationToken), directory, address);
    }

    public IKeyRangeGrain Writer(int range = 1) => Services.GetRequiredService<IGrainFactory>()
        .GetGrain<IKeyRangeGrain>(KeyRangeGrainKey.Of(Replica.State.Term, new Mvcc.Keys.RangeId(range)));

    public async ValueTask DisposeAsync()
    {
        Channel.Dispose();
        await _server.DisposeAsync();
        Directory.Delete(_directory, recursive: true);
    }
}
