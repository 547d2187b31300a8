namespace Granary.Server.Configuration;

/// <summary>
/// All flags of etcd 3.4 to 3.7 that set nothing here. What is without effect on what clients are promised is ignored, so that etcd's unit files and
/// manifests work; what asks for a system that Granary is not is refused, since nobody would notice until it matters.
/// </summary>
internal static class EtcdFlags
{
    private const string ByDatabase = "members find each other by the database that they share (--engine=postgres)";

    private const string Discovery = $"asks others who the members of the cluster are, and {ByDatabase}: leave it out";

    private const string Version2 = "asks for etcd's API of version 2, which Granary does not have: move its clients to version 3, then leave it out";

    private const string Checkpoints =
        "asks that the remaining times of leases outlast the server, and here each start gives a lease its full time again: leave it out if that will do";

    private static readonly string[] Ignored =
    [
        // Where and how it is stored, and when that is tidied up.
        "wal-dir", "snapshot-count", "max-snapshots", "max-wals", "backend-batch-interval", "backend-batch-limit", "backend-bbolt-freelist-type",
        "experimental-backend-bbolt-freelist-type", "bootstrap-defrag-threshold-megabytes", "experimental-bootstrap-defrag-threshold-megabytes",

        // How members elect, talk to and check each other.
        "raft-read-timeout", "raft-write-timeout", "initial-cluster-token",
        "compact-hash-check-time", "experimental-compact-hash-check-time",
        "downgrade-check-time", "experimental-downgrade-check-time", "snapshot-catchup-entries", "experimental-snapshot-catchup-entries",

        // Connections. etcd's gateway calls the server by them, Granary's is in the server.
        "client-cert-file", "client-key-file",
        "grpc-keepalive-min-time", "grpc-keepalive-interval", "grpc-keepalive-timeout",

        // What belongs to discovery or to proxies, where those are asked for elsewhere or not at all.
        "discovery-fallback", "discovery-dial-timeout", "discovery-request-timeout", "discovery-keepalive-time", "discovery-keepalive-timeout",
        "proxy-failure-wait", "proxy-refresh-interval", "proxy-dial-timeout", "proxy-write-timeout", "proxy-read-timeout",
        "v2-deprecation",

        // Logs.
        "logger", "log-output", "log-outputs", "log-package-levels", "log-rotation-config-json", "warning-apply-duration",
        "experimental-warning-apply-duration", "warning-unary-request-duration", "experimental-warning-unary-request-duration",

        // Of versions before 3, which etcd itself ignores.
        "cluster-active-size", "cluster-remove-delay", "cluster-sync-interval", "config", "max-result-buffer", "max-retry-attempts",
        "peer-heartbeat-interval", "peer-election-timeout", "retry-interval",
    ];

    private static readonly string[] IgnoredSwitches =
    [
        "initial-election-tick-advance", "strict-reconfig-check", "pre-vote", "peer-skip-client-san-verification",
        "experimental-peer-skip-client-san-verification", "experimental-compact-hash-check-enabled", "next-cluster-version-compatible",
        "discovery-insecure-transport", "discovery-insecure-skip-tls-verify",
        "socket-reuse-port", "socket-reuse-address", "memory-mlock", "experimental-memory-mlock", "enable-pprof", "debug", "enable-log-rotation",

        // The log is flushed whatever is asked.
        "unsafe-no-fsync",

        // Nothing stops while space is given back, and no reader holds up a writer.
        "experimental-stop-grpc-service-on-defrag", "experimental-txn-mode-write-with-shared-buffer",
        "force", "snapshot", "v", "vv",
    ];

    public static readonly IReadOnlyList<EtcdFlag> All =
    [
        .. Ignored.Select(static name => new EtcdFlag(name)),
        .. IgnoredSwitches.Select(static name => new EtcdFlag(name, IsSwitch: true)),

        new("initial-cluster", SeveralMembers),
        new("initial-cluster-state", static value => value switch
        {
            "new" => null,
            "existing" => $"asks to join a cluster, and {ByDatabase}: it would begin empty beside it. Leave it out; `granary import` brings the data of another cluster",
            _ => $"\"{value}\" is neither new nor existing",
        }),
        .. Named(["discovery", "discovery-srv", "discovery-srv-name", "discovery-proxy", "discovery-token", "discovery-endpoints"], Discovery),
        .. Named(["discovery-cert", "discovery-key", "discovery-cacert", "discovery-user", "discovery-password"], Discovery),
        new("proxy", static value => value == "off" ? null : "asks for a proxy to another cluster, which Granary is not: leave it out"),
        Switch("force-new-cluster", "asks to found a cluster with what a member of another has, which Granary cannot: restore a snapshot, see `granary snapshot restore --help`"),
        Switch("enable-v2", Version2),
        .. Named(["experimental-enable-v2v3"], Version2),

        Switch("experimental-enable-lease-checkpoint", Checkpoints),
        Switch("experimental-enable-lease-checkpoint-persist", Checkpoints),

        Section("discovery-config", Discovery),
        new("socket-options", IsInFilesOnly: true),
        new("grpc-additional-server-options", IsInFilesOnly: true),
        new("experimental-snapshot-catch-up-entries", IsInFilesOnly: true),
    ];

    public static readonly IReadOnlyDictionary<string, EtcdFlag> ByName = All.ToDictionary(static flag => flag.Name);

    private static EtcdFlag Switch(string name, string objection) => new(name, value => FlagValues.Bool(value) ? objection : null, IsSwitch: true);

    // Whatever they name, they are there for.
    private static IEnumerable<EtcdFlag> Named(IEnumerable<string> names, string objection) => names.Select(name => new EtcdFlag(name, _ => objection));

    // A file may spell out what is not wanted.
    private static EtcdFlag Section(string name, string objection) =>
        new(name, value => value.Equals("false", StringComparison.OrdinalIgnoreCase) ? null : objection, IsInFilesOnly: true);

    // NAME=URL, and the same name again for each further URL of a member.
    private static string? SeveralMembers(string value)
    {
        var members = FlagValues.List(value).Select(static member => member.Split('=')[0]).Distinct().ToList();
        return members.Count == 1 ? null
            : $"names {members.Count} members ({string.Join(", ", members)}), and {ByDatabase}: they would be stores that know nothing of each other. " +
              "Name this one only, or leave it out";
    }

    /// <summary>What is switched on and off by a list of etcd's features.</summary>
    /// <exception cref="FormatException">One of them asks for another system, or is none.</exception>
    public static ServerOptions WithFeatures(ServerOptions options, string value)
    {
        foreach (var gate in FlagValues.List(value).Select(static gate => gate.Split('=', 2)))
        {
            var isOn = FlagValues.Bool(gate.Length == 2 ? gate[1].Trim() : "");
            switch (gate[0].Trim())
            {
                case "LeaseCheckpoint" or "LeaseCheckpointPersist" or "AllAlpha" when isOn:
                    throw new FormatException($"{gate[0].Trim()} {Checkpoints}");
                case "InitialCorruptCheck":
                    options = options with { InitialCorruptCheck = isOn };
                    continue;
                case "LeaseCheckpoint" or "LeaseCheckpointPersist" or "AllAlpha" or "AllBeta" or "StopGRPCServiceOnDefrag":
                case "CompactHashCheck" or "TxnModeWriteWithSharedBuffer" or "SetMemberLocalAddr" or "FastLeaseKeepAlive" or "PriorityRequest":
                    continue;
                default:
                    throw new FormatException($"there is no feature \"{gate[0].Trim()}\" in etcd 3.6 or 3.7: leave it out");
            }
        }

        return options;
    }
}
