using Granary.Protos;
using Granary.Server.Configuration;
using ServiceDescriptor = Google.Protobuf.Reflection.ServiceDescriptor;

namespace Granary.Server.Facade;

/// <summary>The gRPC services of this server.</summary>
internal static class EtcdServices
{
    private static readonly ServiceDescriptor[] Api =
    [
        KV.Descriptor,
        Protos.Watch.Descriptor,
        Protos.Lease.Descriptor,
        Protos.Concurrency.Lock.Descriptor,
        Protos.Concurrency.Election.Descriptor,
        Maintenance.Descriptor,
        Protos.Cluster.Descriptor,
        Protos.Auth.Descriptor,
        Grpc.Health.V1.Health.Descriptor,
    ];

    private static readonly ServiceDescriptor[] Reflection =
    [
        Grpc.Reflection.V1Alpha.ServerReflection.Descriptor,
        Grpc.Reflection.V1.ServerReflection.Descriptor,
    ];

    /// <summary>All that can be served, by what describes them.</summary>
    public static readonly IReadOnlyList<ServiceDescriptor> All = [.. Api, .. Reflection];

    /// <summary>Those that are served.</summary>
    public static IReadOnlyList<ServiceDescriptor> Served(ServerOptions options) => options.EnableGrpcReflection ? All : Api;

    /// <summary>Adds the services and what they share.</summary>
    public static void AddEtcdServices(this IServiceCollection services)
    {
        services.AddSingleton<Member>();
        services.AddSingleton<GrainRouter>();
        services.AddSingleton<ReadBarrier>();
        services.AddSingleton<Leading>();
        services.AddSingleton<Members>();
        services.AddSingleton<RequestSize>();
        services.AddSingleton<LastingCalls>();
        services.AddSingleton<CallErrors>();
        services.AddSingleton<Alarms>();
        services.AddSingleton<Quota>();
        services.AddSingleton<Keyspace>();
        services.AddSingleton<KvService>();
        services.AddSingleton<WatchService>();
        services.AddSingleton<Watches>();
        services.AddSingleton<LeaseService>();
        services.AddSingleton<Waiting>();
        services.AddSingleton<ConcurrencyErrors>();
        services.AddSingleton<LockService>();
        services.AddSingleton<ElectionService>();
        services.AddSingleton<SnapshotCall>();
        services.AddSingleton<MaintenanceService>();
        services.AddSingleton<ClusterService>();
        services.AddSingleton<AuthService>();
    }

    /// <summary>Serves them.</summary>
    public static void MapEtcdServices(this IEndpointRouteBuilder app, ServerOptions options)
    {
        app.MapGrpcService<KvService>();
        app.MapGrpcService<WatchService>();
        app.MapGrpcService<LeaseService>();
        app.MapGrpcService<LockService>();
        app.MapGrpcService<ElectionService>();
        app.MapGrpcService<MaintenanceService>();
        app.MapGrpcService<ClusterService>();
        app.MapGrpcService<AuthService>();
        app.MapGrpcHealthChecksService();
        if (options.EnableGrpcReflection)
        {
            app.MapGrpcReflectionService();
        }
    }
}
