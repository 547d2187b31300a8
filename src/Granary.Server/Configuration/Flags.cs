using System.Net.Security;
using System.Security.Authentication;
using Granary.Grains.Hosting;
using Granary.Server.Identity;
using Granary.Storage.Stores.Rocks;
using Microsoft.Extensions.Logging;

namespace Granary.Server.Configuration;

/// <summary>All flags that set something here; <see cref="EtcdFlags"/> are the others.</summary>
internal static class Flags
{
    public static readonly IReadOnlyList<Flag> Effective =
    [
        new("name", "Name of this member (default: default).", (o, v) => o with { Name = v }),
        new("data-dir", "Directory that holds everything (default: NAME.granary).", (o, v) => o with { DataDirectory = v }),
        new("engine", "embedded: in the data directory; postgres: the log in a database, for several processes of which one leads; memory: gone with the process (default: embedded).",
            (o, v) => o with
            {
                Engine = v switch
                {
                    "embedded" => Engine.Embedded,
                    "memory" => Engine.Memory,
                    "postgres" => Engine.Postgres,
                    _ => throw new FormatException($"\"{v}\" is none of embedded, postgres, memory"),
                },
            },
            IsOwn: true),
        new("postgres", "For --engine=postgres: the connection string, such as \"Host=db;Database=granary;Username=granary\"; what is secret belongs into GRANARY_POSTGRES.",
            (o, v) => o with { Postgres = o.Postgres with { ConnectionString = v } }, IsOwn: true),
        new("postgres-schema", "Its schema with the tables; each store has one of its own (default: granary).",
            (o, v) => o with { Postgres = o.Postgres with { Schema = v } }, IsOwn: true),
        new("postgres-snapshot-bytes", "Bytes of log after which a base snapshot is made of the store, or half as many as the store has if that is more (default: 67108864).",
            (o, v) => o with { Postgres = o.Postgres with { SnapshotBytes = FlagValues.PositiveLong(v) } }, IsOwn: true),
        new("postgres-allow-loss", "Take a database that may lose what it has acknowledged: fsync or synchronous_commit off (default: false).",
            (o, v) => o with { Postgres = o.Postgres with { AllowsLoss = FlagValues.Bool(v) } }, IsOwn: true, IsSwitch: true),
        new("heartbeat-interval", "With --engine=postgres: milliseconds between two signs of life of the leader (default: 100).",
            (o, v) => o with { Postgres = o.Postgres with { HeartbeatInterval = TimeSpan.FromMilliseconds(FlagValues.PositiveInt(v)) } }),
        new("election-timeout", "With --engine=postgres: milliseconds of silence of the leader after which another process leads (default: 1000).",
            (o, v) => o with { Postgres = o.Postgres with { LeaseTime = TimeSpan.FromMilliseconds(FlagValues.PositiveInt(v)) } }),
        new("listen-client-urls", "Where to listen for clients, comma-separated: http://ADDRESS:PORT, https://ADDRESS:PORT, unix://PATH or unixs://PATH (default: http://localhost:2379).",
            (o, v) => o with { ListenClientUrls = [.. FlagValues.List(v).Select(ListenUrl.Parse)] }),
        new("listen-client-http-urls", "Where to listen for HTTP only, comma-separated; then the other URLs take gRPC only (default: none, both on one port).",
            (o, v) => o with { ListenClientHttpUrls = [.. FlagValues.List(v).Select(ListenUrl.Parse)] }),
        new("listen-metrics-urls", "Where to serve health and metrics besides, comma-separated (default: none).",
            (o, v) => o with { ListenMetricsUrls = [.. FlagValues.List(v).Select(ListenUrl.Parse)] }),
        new("metrics", "basic, or extensive for the times of calls by method (default: basic).",
            (o, v) => o with { ExtensiveMetrics = v switch { "basic" => false, "extensive" => true, _ => throw new FormatException($"\"{v}\" is neither basic nor extensive") } }),
        new("enable-grpc-gateway", "Serve JSON over HTTP below /v3 (default: true).", (o, v) => o with { EnableGrpcGateway = FlagValues.Bool(v) }, IsSwitch: true),
        new("enable-metrics", "Serve /metrics on the URLs for clients; those of --listen-metrics-urls serve it always (default: true).",
            (o, v) => o with { EnableMetrics = FlagValues.Bool(v) }, IsOwn: true, IsSwitch: true),
        new("enable-debug-vars", "Serve /debug/vars: command line, memory and state of the process (default: true).",
            (o, v) => o with { EnableDebugVars = FlagValues.Bool(v) }, IsOwn: true, IsSwitch: true),
        new("enable-console", "Serve the console for browsers at /console; it calls by JSON, and needs --enable-grpc-gateway (default: true).",
            (o, v) => o with { EnableConsole = FlagValues.Bool(v) }, IsOwn: true, IsSwitch: true),
        new("console-read-only", "The console offers nothing that writes; the API takes writes all the same: who may write is said by users and roles (default: false).",
            (o, v) => o with { ConsoleReadOnly = FlagValues.Bool(v) }, IsOwn: true, IsSwitch: true),
        new("enable-grpc-reflection", "Tell clients that ask for it which calls there are (default: true).",
            (o, v) => o with { EnableGrpcReflection = FlagValues.Bool(v) }, IsOwn: true, IsSwitch: true),
        new("cors", "Origins whose pages may call by HTTP, comma-separated, or * (default: *).", (o, v) => o with { CorsOrigins = FlagValues.List(v) }),
        new("host-whitelist", "Host names by which HTTP without TLS is answered, comma-separated, or * (default: *).",
            (o, v) => o with { HostWhitelist = FlagValues.List(v) }),
        new("advertise-client-urls", "By which URLs clients reach this member (default: http://localhost:2379).",
            (o, v) => o with { AdvertiseClientUrls = FlagValues.Urls(v) }),
        new("listen-peer-urls", "With --engine=postgres: where to listen for the other members, one URL (default: http://localhost:2380).",
            (o, v) => o with { ListenPeerUrls = [.. FlagValues.List(v).Select(ListenUrl.Parse)] }),
        new("initial-advertise-peer-urls", "By which URLs other members reach this one (default: those of --listen-peer-urls).",
            (o, v) => o with { InitialAdvertisePeerUrls = FlagValues.Urls(v) }),
        new("max-request-bytes", "Bytes of a write request at most (default: 1572864).",
            (o, v) => o with { MaxRequestBytes = FlagValues.PositiveInt(v) }),
        new("max-txn-ops", "Operations of a txn at most (default: 128).", (o, v) => o with { MaxTxnOps = FlagValues.PositiveInt(v) }),
        new("max-concurrent-streams", "Calls of one connection at a time at most (default: 10000).",
            (o, v) => o with { MaxConcurrentStreams = FlagValues.UnsignedInt(v) }),
        new("max-connections", "Connections of clients at a time at most; whoever has said nothing yet gives way first (default: the limit of open files less 800).",
            (o, v) => o with { MaxConnections = FlagValues.PositiveInt(v) }, IsOwn: true),
        new("quota-backend-bytes", "Bytes of the database beyond which nothing is written that takes space; 0 for 2 GiB, negative for none (default: 0).",
            (o, v) => o with { QuotaBackendBytes = FlagValues.Long(v) is not 0 and var bytes ? bytes : 2L << 30 }),
        new("auto-compaction-mode", "What the retention counts: periodic for time, or revision (default: periodic).",
            (o, v) => o with
            {
                AutoCompactionMode = v switch
                {
                    "periodic" => AutoCompactionMode.Periodic,
                    "revision" => AutoCompactionMode.Revision,
                    _ => throw new FormatException($"\"{v}\" is neither periodic nor revision"),
                },
            }),
        new("auto-compaction-retention", "History that stays when the server compacts by itself: hours or a duration such as 30m, or a number of revisions; 0 for all (default: 0).",
            (o, v) => o with { AutoCompactionRetention = v }),
        .. Renamed("compaction-batch-limit", "Changes that one step of a compaction looks at (default: 1000).",
            (o, v) => o with { CompactionBatchLimit = FlagValues.PositiveInt(v) }),
        .. Renamed("compaction-sleep-interval", "Pause between two steps of a compaction (default: 10ms).",
            (o, v) => o with { CompactionSleepInterval = FlagValues.Duration(v) }),
        .. Renamed("corrupt-check-time", "With --engine=postgres: how often the leader compares the replicas of all members; 0 for never (default: 0).",
            (o, v) => o with { CorruptCheckTime = FlagValues.Duration(v) }),
        new("experimental-initial-corrupt-check", "With --engine=postgres: compare the replica with those of the other members before anything is served (default: false).",
            (o, v) => o with { InitialCorruptCheck = FlagValues.Bool(v) }, IsSwitch: true),
        new("feature-gates", "etcd's features, NAME=true or NAME=false, comma-separated; InitialCorruptCheck is the only one with an effect, that of --experimental-initial-corrupt-check.",
            EtcdFlags.WithFeatures),
        .. Renamed("max-learners", "With --engine=postgres: how many members may be learners at once (default: 1).",
            (o, v) => o with { MaxLearners = FlagValues.PositiveInt(v) }),
        .. Renamed("watch-progress-notify-interval", "How often idle watchers that ask for it hear of progress, 100ms at least (default: 10m).",
            (o, v) => o with { WatchProgressNotifyInterval = ProgressInterval(v) }),
        new("cert-file", "Certificate of the server for clients, PEM, with those up to its authority's behind it; read again when it changes.",
            (o, v) => Secured(o, tls => tls with { CertificateFile = v })),
        new("key-file", "Its key, PEM.", (o, v) => Secured(o, tls => tls with { KeyFile = v })),
        new("trusted-ca-file", "Authorities, PEM: each client needs a certificate that one of them has signed.",
            (o, v) => Secured(o, tls => tls with { TrustedCaFile = v })),
        new("client-cert-auth", "Each client needs a certificate of --trusted-ca-file, whose common name is its user (default: false).",
            (o, v) => Secured(o, tls => tls with { ClientCertAuth = FlagValues.Bool(v) }), IsSwitch: true),
        new("client-crl-file", "Certificates that are revoked, PEM or DER; read again when it changes.",
            (o, v) => Secured(o, tls => tls with { ClientCrlFile = v })),
        new("client-cert-allowed-hostname", "Host name that clients' certificates must be for (default: any).",
            (o, v) => Secured(o, tls => tls with { ClientCertAllowedHostname = v })),
        new("auto-tls", "Make the server a certificate of its own where --cert-file names none (default: false).",
            (o, v) => Secured(o, tls => tls with { AutoTls = FlagValues.Bool(v) }), IsSwitch: true),
        new("self-signed-cert-validity", "Years for which such a certificate is good (default: 1).",
            (o, v) => Secured(o, tls => tls with { SelfSignedCertValidityYears = FlagValues.PositiveInt(v) })),
        new("cipher-suites", "Suites for TLS 1.2, comma-separated, such as TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 (default: those of the system).",
            (o, v) => Secured(o, tls => tls with { CipherSuites = [.. FlagValues.List(v).Select(CipherSuite)] })),
        new("tls-min-version", "Oldest version of TLS: TLS1.2 or TLS1.3 (default: TLS1.2).",
            (o, v) => Secured(o, tls => tls with { MinVersion = TlsVersion(v) })),
        new("tls-max-version", "Newest version of TLS: TLS1.2 or TLS1.3 (default: the newest).",
            (o, v) => Secured(o, tls => tls with { MaxVersion = TlsVersion(v) })),
        new("peer-cert-file", "Certificate of this member for the others, PEM; read again when it changes.",
            (o, v) => PeersSecured(o, tls => tls with { CertificateFile = v })),
        new("peer-key-file", "Its key, PEM.", (o, v) => PeersSecured(o, tls => tls with { KeyFile = v })),
        new("peer-client-cert-file", "Certificate that it shows when it connects to others, PEM (default: that of --peer-cert-file).",
            (o, v) => PeersSecured(o, tls => tls with { ClientCertificateFile = v })),
        new("peer-client-key-file", "Its key, PEM.", (o, v) => PeersSecured(o, tls => tls with { ClientKeyFile = v })),
        new("peer-trusted-ca-file", "Authorities, PEM: each member needs a certificate that one of them has signed.",
            (o, v) => PeersSecured(o, tls => tls with { TrustedCaFile = v })),
        new("peer-client-cert-auth", "A member that connects needs a certificate of --peer-trusted-ca-file (default: false).",
            (o, v) => PeersSecured(o, tls => tls with { ClientCertAuth = FlagValues.Bool(v) }), IsSwitch: true),
        new("peer-crl-file", "Certificates of members that are revoked, PEM or DER; read again when it changes.",
            (o, v) => PeersSecured(o, tls => tls with { CrlFile = v })),
        new("peer-cert-allowed-cn", "Common names that members' certificates may have, comma-separated (default: any).",
            (o, v) => PeersSecured(o, tls => tls with { AllowedCommonNames = FlagValues.List(v) })),
        new("peer-cert-allowed-hostname", "Host names of which members' certificates must be for one, comma-separated (default: the address that is connected to).",
            (o, v) => PeersSecured(o, tls => tls with { AllowedHostnames = FlagValues.List(v) })),
        new("peer-auto-tls", "Have each member make itself a certificate, by which the others know it from the database that they share (default: false).",
            (o, v) => PeersSecured(o, tls => tls with { AutoTls = FlagValues.Bool(v) }), IsSwitch: true),
        new("auth-token", "Tokens of users: simple, or jwt,sign-method=METHOD,pub-key=FILE[,priv-key=FILE][,ttl=DURATION] (default: simple).",
            (o, v) => o with { Jwt = JwtOptions.Parse(v) }),
        new("auth-token-ttl", "Seconds for which a simple token is good without being used (default: 300).",
            (o, v) => o with { AuthTokenTtl = TimeSpan.FromSeconds(FlagValues.PositiveInt(v)) }),
        new("bcrypt-cost", "What hashing a password costs, 4 to 31: the time doubles with each step (default: 10).",
            (o, v) => o with { BcryptCost = BcryptCost(v) }),
        new("audit-log", "Note who writes, logs in or is refused, a line of JSON each: a file, or stderr (default: nowhere).",
            (o, v) => o with { AuditLog = v }, IsOwn: true),
        new("watch-stream-buffer-bytes", "Events that wait in memory for one slow watch stream; more is read again from history (default: 1048576).",
            (o, v) => o with { WatchStreamBufferBytes = FlagValues.PositiveInt(v) }, IsOwn: true),
        new("answer-memory-bytes", "Memory that large answers may take together; a further one waits its turn (default: 1 GiB, or a quarter of the memory if that is less).",
            (o, v) => o with { AnswerMemoryBytes = FlagValues.PositiveLong(v) }, IsOwn: true),
        new("store-memory-bytes", "Memory that the store may take of its own: a third for what is to be written to files, the rest for what was read from them (default: 192 MiB).",
            (o, v) => o with { StoreMemoryBytes = StoreMemoryBytes(v) }, IsOwn: true),
        new("initial-range-splits", "Keys at which a new keyspace parts into ranges, comma-separated (default: none, one range).",
            (o, v) => o with { InitialRangeSplits = FlagValues.List(v) }, IsOwn: true),
        new("log-level", "debug, info, warn, error, panic or fatal (default: info).", (o, v) => o with { LogLevel = Level(v) }),
        new("log-format", "text or json (default: text).",
            (o, v) => o with { LogFormat = v switch { "text" or "console" => LogFormat.Text, "json" => LogFormat.Json, _ => throw new FormatException($"\"{v}\" is neither text nor json") } }),
        .. Renamed("enable-distributed-tracing", "Send traces by OTLP (default: false).",
            (o, v) => o with { Tracing = FlagValues.Bool(v) ? o.Tracing ?? DefaultTracing : null }, isSwitch: true),
        .. Renamed("distributed-tracing-address", "HOST:PORT of the OTLP receiver, gRPC; Jaeger takes it on 4317 (default: localhost:4317).",
            (o, v) => Traced(o, tracing => tracing with { Address = v })),
        .. Renamed("distributed-tracing-service-name", "Name of this service in traces (default: granary).",
            (o, v) => Traced(o, tracing => tracing with { ServiceName = v })),
        .. Renamed("distributed-tracing-instance-id", "Tells several servers of one service apart (default: none).",
            (o, v) => Traced(o, tracing => tracing with { ServiceInstanceId = v })),
        .. Renamed("distributed-tracing-sampling-rate", "Of a million requests without a trace of their own, so many get one (default: 0).",
            (o, v) => Traced(o, tracing => tracing with { SamplesPerMillion = (int)Math.Min(FlagValues.UnsignedInt(v), 1_000_000) })),
    ];

    private static readonly TimeSpan ShortestProgressInterval = TimeSpan.FromMilliseconds(100);

    private static TracingOptions DefaultTracing => new("localhost:4317", "granary", "", 0);

    // Takes every setting of tracing, in whatever order they come; only the switch turns it on, see Settings.
    private static ServerOptions Traced(ServerOptions options, Func<TracingOptions, TracingOptions> change) =>
        options with { Tracing = change(options.Tracing ?? DefaultTracing) };

    // etcd 3.5 calls it experimental-NAME, 3.6 takes both.
    private static Flag[] Renamed(string name, string help, Func<ServerOptions, string, ServerOptions> apply, bool isSwitch = false) =>
    [
        new(name, help, apply, isSwitch),
        new("experimental-" + name, $"Older name of --{name}.", apply, isSwitch),
    ];

    // As etcd does: 0 or less is the default, what is too short is the shortest.
    private static TimeSpan ProgressInterval(string text)
    {
        var interval = FlagValues.Duration(text);
        return interval <= TimeSpan.Zero ? TimeSpan.FromMinutes(10)
            : interval < ShortestProgressInterval ? ShortestProgressInterval
            : interval;
    }

    private static ServerOptions Secured(ServerOptions options, Func<TlsOptions, TlsOptions> change) => options with { Tls = change(options.Tls) };

    private static ServerOptions PeersSecured(ServerOptions options, Func<PeerTlsOptions, PeerTlsOptions> change) =>
        options with { PeerTls = change(options.PeerTls) };

    private static SslProtocols TlsVersion(string text) => text switch
    {
        "TLS1.2" => SslProtocols.Tls12,
        "TLS1.3" => SslProtocols.Tls13,
        _ => throw new FormatException($"\"{text}\" is neither TLS1.2 nor TLS1.3"),
    };

    private static TlsCipherSuite CipherSuite(string text) =>
        Enum.TryParse<TlsCipherSuite>(text, out var suite) && !char.IsAsciiDigit(text[0])
            ? suite
            : throw new FormatException($"unexpected TLS cipher suite \"{text}\"");

    // As etcd does: what bcrypt does not know is the default.
    private static long StoreMemoryBytes(string text) => FlagValues.Long(text) is >= RocksStoreOptions.MinMemoryBytes and var bytes
        ? bytes
        : throw new FormatException($"{text} is too little: the store needs {RocksStoreOptions.MinMemoryBytes} bytes");

    private static int BcryptCost(string text) =>
        FlagValues.Long(text) is >= Passwords.LeastCost and <= Passwords.MostCost and var cost ? (int)cost : Passwords.DefaultCost;

    /// <summary>What mode and retention mean together.</summary>
    /// <exception cref="FormatException">The retention is none.</exception>
    public static AutoCompactionOptions AutoCompaction(AutoCompactionMode mode, string retention) => mode == AutoCompactionMode.Revision
        ? new AutoCompactionOptions { RetentionRevisions = FlagValues.UnsignedLong(retention) }
        : new AutoCompactionOptions
        {
            RetentionPeriod = retention.All(char.IsAsciiDigit) && retention.Length > 0 ? TimeSpan.FromHours(FlagValues.UnsignedInt(retention)) : FlagValues.Duration(retention),
        };

    private static LogLevel Level(string text) => text switch
    {
        "debug" => LogLevel.Debug,
        "info" => LogLevel.Information,
        "warn" => LogLevel.Warning,
        "error" => LogLevel.Error,
        "dpanic" or "panic" or "fatal" => LogLevel.Critical,
        _ => throw new FormatException($"\"{text}\" is none of debug, info, warn, error, panic, fatal"),
    };
}
