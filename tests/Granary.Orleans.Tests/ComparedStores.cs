using System.Net;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orleans;
using Orleans.Configuration;
using Orleans.Hosting;
using Orleans.Storage;
using StackExchange.Redis;

namespace Granary.Orleans.Tests;

/// <summary>The stores whose Orleans providers are held side by side, each with one silo that keeps all it has in it.</summary>
public sealed class ComparedStores : IAsyncLifetime
{
    private const string Compared = "compared";

    private readonly Dictionary<Kind, IHost> _silos = [];
    private Server? _granary;
    private RedisServer? _redis;
    private PostgresServer? _postgres;

    /// <summary>What keeps it.</summary>
    public enum Kind
    {
        /// <summary>Granary, by Granary.Orleans.</summary>
        Granary,

        /// <summary>Redis, by Orleans' own providers.</summary>
        Redis,

        /// <summary>PostgreSQL, by Orleans' own ADO.NET providers.</summary>
        AdoNet,
    }

    public static TheoryData<Kind> Kinds => [.. Enum.GetValues<Kind>()];

    public async ValueTask InitializeAsync()
    {
        _granary = await Server.Start(Product.Granary, CancellationToken.None);
        _redis = await RedisServer.Start(CancellationToken.None);
        _postgres = await PostgresServer.Start(CancellationToken.None);
        await _postgres.MakeAdoNetTables(CancellationToken.None);
        foreach (var kind in Enum.GetValues<Kind>())
        {
            var silo = Silo(kind, "compared");
            await silo.StartAsync();
            _silos.Add(kind, silo);
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var silo in _silos.Values)
        {
            await silo.StopAsync();
            silo.Dispose();
        }

        await (_granary?.DisposeAsync() ?? default);
        await (_redis?.DisposeAsync() ?? default);
        await (_postgres?.DisposeAsync() ?? default);
    }

    public IGrainStorage Storage(Kind kind) => _silos[kind].Services.GetRequiredKeyedService<IGrainStorage>(Compared);

    public IReminderTable Reminders(Kind kind) => _silos[kind].Services.GetRequiredService<IReminderTable>();

    /// <summary>The table of silos of a cluster that has none yet.</summary>
    public async Task<IMembershipTable> NewMembership(Kind kind)
    {
        // Never started: it would enter itself. It lasts as long as its table.
        var table = Silo(kind, Guid.NewGuid().ToString("N")).Services.GetRequiredService<IMembershipTable>();
        await table.InitializeMembershipTableAsync(tryInitTableVersion: true, CancellationToken.None);
        return table;
    }

    /// <summary>Kills what keeps it, and starts it again.</summary>
    public async Task Restart(Kind kind, CancellationToken cancellationToken)
    {
        switch (kind)
        {
            case Kind.Granary:
                await _granary!.Kill(cancellationToken);
                await _granary.StartAgain(cancellationToken);
                break;
            case Kind.Redis:
                await _redis!.Kill(cancellationToken);
                await _redis.StartAgain(cancellationToken);
                break;
            default:
                await _postgres!.Kill(cancellationToken);
                await _postgres.StartAgain(cancellationToken);
                break;
        }
    }

    private IHost Silo(Kind kind, string clusterId)
    {
        var builder = Host.CreateApplicationBuilder();
        builder.Logging.ClearProviders();
        builder.UseOrleans(silo =>
        {
            switch (kind)
            {
                case Kind.Granary:
                    silo.Services.AddGranaryClient(options => options.Endpoints.Add(_granary!.Address));
                    silo.UseGranaryClustering().AddGranaryGrainStorage(Compared).UseGranaryReminderService();
                    break;
                case Kind.Redis:
                    var redis = new ConfigurationOptions { EndPoints = { { "127.0.0.1", _redis!.Port } }, AbortOnConnectFail = false };
                    silo.UseRedisClustering(options => options.ConfigurationOptions = redis)
                        .AddRedisGrainStorage(Compared, options => options.ConfigurationOptions = redis)
                        .UseRedisReminderService(options => options.ConfigurationOptions = redis);
                    break;
                default:
                    var (invariant, connection) = ("Npgsql", _postgres!.ConnectionString());
                    silo.UseAdoNetClustering(options => (options.Invariant, options.ConnectionString) = (invariant, connection))
                        .AddAdoNetGrainStorage(Compared, options => (options.Invariant, options.ConnectionString) = (invariant, connection))
                        .UseAdoNetReminderService(options => (options.Invariant, options.ConnectionString) = (invariant, connection));
                    break;
            }

            silo.Configure<ClusterOptions>(options => (options.ClusterId, options.ServiceId) = (clusterId, clusterId))
                .ConfigureEndpoints(IPAddress.Loopback, LoopbackPorts.Take(), LoopbackPorts.Take());
        });
        return builder.Build();
    }
}
