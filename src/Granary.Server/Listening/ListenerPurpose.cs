namespace Granary.Server.Listening;

/// <summary>What a listener serves.</summary>
[Flags]
internal enum ListenerPurpose
{
    /// <summary>Health and metrics.</summary>
    Monitoring = 1,

    /// <summary>JSON over HTTP, with health and metrics.</summary>
    Http = 2 | Monitoring,

    /// <summary>The etcd API by gRPC.</summary>
    Grpc = 4,

    /// <summary>All on one port.</summary>
    All = Http | Grpc,
}
