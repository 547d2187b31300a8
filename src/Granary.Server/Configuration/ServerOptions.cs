using System.Net;
using Granary.Grains.Hosting;
using Granary.Log.Engines.Postgres;
using Granary.Server.Hosting;
using Granary.Server.Identity;
using Granary.Storage.Stores.Rocks;
using Microsoft.Extensions.Logging;

namespace Granary.Server.Configuration;

/// <summary>How one Granary server runs. Made by <see cref="Flags"/> from flags, environment or a file; already validated.</summary>
internal sealed record ServerOptions
{
    public string Name { get; init; } = "default";

    public string? DataDirectory { get; init; }

    public Engine Engine { get; init; } = Engine.Embedded;

    /// <summary>Where the log is with <see cref="Engine.Postgres"/>.</summary>
    public PostgresOptions Postgres { get; init; } = new() { ConnectionString = "" };

    /// <summary>How long a write waits for a log that others may keep it from; null where the log is this process's alone.</summary>
    public TimeSpan? WriteTimeout => Engine == Engine.Postgres ? Postgres.ProofTimeout : null;

    public IReadOnlyList<ListenUrl> ListenClientUrls { get; init; } = [ListenUrl.Default];

    /// <summary>Where HTTP is served instead of where gRPC is; empty for both on one port.</summary>
    public IReadOnlyList<ListenUrl> ListenClientHttpUrls { get; init; } = [];

    /// <summary>Where health and metrics are served besides.</summary>
    public IReadOnlyList<ListenUrl> ListenMetricsUrls { get; init; } = [];

    public IEnumerable<ListenUrl> AllListenUrls => [.. ListenClientUrls, .. ListenClientHttpUrls, .. ListenMetricsUrls];

    public bool EnableGrpcGateway { get; init; } = true;

    /// <summary>Whether what is measured can be asked for where clients are served.</summary>
    public bool EnableMetrics { get; init; } = true;

    public bool EnableDebugVars { get; init; } = true;

    /// <summary>Whether browsers get the console.</summary>
    public bool EnableConsole { get; init; } = true;

    /// <summary>Whether the console leaves out what writes. It binds nobody else.</summary>
    public bool ConsoleReadOnly { get; init; }

    public bool EnableGrpcReflection { get; init; } = true;

    /// <summary>Whether the time of each call is measured by method.</summary>
    public bool ExtensiveMetrics { get; init; }

    /// <summary>How long a connection may say nothing at its beginning, and a request take for its headers.</summary>
    public TimeSpan RequestHeadersTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How long a connection without a call stays open.</summary>
    public TimeSpan IdleConnectionTimeout { get; init; } = TimeSpan.FromMinutes(30);

    /// <summary>Whose pages may call by HTTP: origins, or * for all.</summary>
    public IReadOnlyList<string> CorsOrigins { get; init; } = ["*"];

    /// <summary>By which host names HTTP without TLS is answered, or * for any.</summary>
    public IReadOnlyList<string> HostWhitelist { get; init; } = ["*"];

    public IReadOnlyList<string> AdvertiseClientUrls { get; init; } = ["http://localhost:2379"];

    /// <summary>Where the silo listens for those of other members; nobody does where the log is this process's alone.</summary>
    public IReadOnlyList<ListenUrl> ListenPeerUrls { get; init; } = [ListenUrl.Parse("http://localhost:2380")];

    /// <summary>By which URLs other members reach this one, if it is said.</summary>
    public IReadOnlyList<string>? InitialAdvertisePeerUrls { get; init; }

    /// <summary>By which URLs other members reach this one: where it listens, if nothing else is said and others can get there.</summary>
    public IReadOnlyList<string> AdvertisedPeerUrls => InitialAdvertisePeerUrls
        ?? [.. ListenPeerUrls.Where(static url => url.EndPoint is { } endpoint && !endpoint.Address.Equals(IPAddress.Any) && !endpoint.Address.Equals(IPAddress.IPv6Any)).Select(static url => url.Text)];

    /// <summary>Bytes of one write request at most.</summary>
    public int MaxRequestBytes { get; init; } = 1536 << 10;

    public int MaxTxnOps { get; init; } = 128;

    /// <summary>Calls of one connection at a time. etcd has no bound unless one is set, and so no defence against a client that begins calls without end.</summary>
    public uint MaxConcurrentStreams { get; init; } = 10_000;

    /// <summary>Connections of clients at a time: by default as many as there can be open files for, beside those that the server needs.</summary>
    public int MaxConnections { get; init; } = ProcessLimits.FilesForConnections;

    /// <summary>Bytes that the database may take; negative is without bound.</summary>
    public long QuotaBackendBytes { get; init; } = 2L << 30;

    public int CompactionBatchLimit { get; init; } = 1000;

    public TimeSpan CompactionSleepInterval { get; init; } = TimeSpan.FromMilliseconds(10);

    public AutoCompactionMode AutoCompactionMode { get; init; }

    /// <summary>As it was given: what it means depends on the mode, which may come later.</summary>
    public string AutoCompactionRetention { get; init; } = "0";

    /// <summary>What is compacted without being asked for: the two above, read together.</summary>
    public AutoCompactionOptions AutoCompaction { get; init; } = new();

    /// <summary>How often the replicas of several silos are compared; zero for never.</summary>
    public TimeSpan CorruptCheckTime { get; init; }

    /// <summary>Whether the replica is compared with those of the other silos before anything is served.</summary>
    public bool InitialCorruptCheck { get; init; }

    /// <summary>How many members may be learners at once.</summary>
    public int MaxLearners { get; init; } = 1;

    /// <summary>How often a watcher that wants to be told of progress is told, when it has had no events.</summary>
    public TimeSpan WatchProgressNotifyInterval { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>Bytes of events that wait for a client to read them, per watch stream; what is beyond is read again from history.</summary>
    public int WatchStreamBufferBytes { get; init; } = 1 << 20;

    /// <summary>Bytes of memory that large answers may take before a further one waits: 1 GiB, or a quarter of the machine's memory if that is less.</summary>
    public long AnswerMemoryBytes { get; init; } = Math.Min(1L << 30, GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 4);

    /// <summary>Bytes of memory that the store may take of its own, in files' blocks and in what waits to be written to files.</summary>
    public long StoreMemoryBytes { get; init; } = RocksStoreOptions.DefaultMemoryBytes;

    /// <summary>Keys at which the keyspace of a cluster that is founded now parts into ranges.</summary>
    public IReadOnlyList<string> InitialRangeSplits { get; init; } = [];

    /// <summary>How JSON web tokens are made; null for simple ones.</summary>
    public JwtOptions? Jwt { get; init; }

    /// <summary>How long a simple token is good for without being used.</summary>
    public TimeSpan AuthTokenTtl { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>What a new hash of a password costs: the time doubles with each step.</summary>
    public int BcryptCost { get; init; } = Passwords.DefaultCost;

    /// <summary>Where writes, logins and refused calls are noted: a file, or stderr; null for nowhere.</summary>
    public string? AuditLog { get; init; }

    public TlsOptions Tls { get; init; } = new();

    public PeerTlsOptions PeerTls { get; init; } = new();

    public LogLevel LogLevel { get; init; } = LogLevel.Information;

    public LogFormat LogFormat { get; init; } = LogFormat.Text;

    public TracingOptions? Tracing { get; init; }

    public string EffectiveDataDirectory => DataDirectory ?? Name + ".granary";
}
