using Granary.Log.Commits;

namespace Granary.Server.Metrics;

/// <summary>
/// Which instruments of ours are what etcd's dashboards and alerts ask for, under etcd's names. They are given out under both names.
/// </summary>
internal static class EtcdNames
{
    private static readonly double[] DiskSeconds = [.. Doubling(0.001, 14)];
    private static readonly double[] DurationSeconds = [.. Doubling(0.0001, 20)];
    private static readonly double[] TotalSeconds = [.. Doubling(0.1, 13)];
    private static readonly double[] PauseMilliseconds = [.. Doubling(1, 13)];
    private static readonly double[] TotalMilliseconds = [.. Doubling(100, 14)];
    private static readonly double[] TtlSeconds = [.. Doubling(1, 24)];

    private static readonly Dictionary<string, EtcdName[]> ByInstrument = new()
    {
        ["granary.log.flush.duration"] = [new("etcd_disk_wal_fsync_duration_seconds", DiskSeconds)],
        ["granary.log.write.duration"] = [new("etcd_disk_wal_write_duration_seconds", DiskSeconds)],
        ["granary.log.bytes"] = [new("etcd_disk_wal_write_bytes_total")],
        ["granary.log.apply.duration"] =
        [
            new("etcd_disk_backend_commit_duration_seconds", DiskSeconds),
            new("etcd_server_apply_duration_seconds", DurationSeconds),
        ],
        ["granary.log.groups.slow"] = [new("etcd_server_slow_apply_total")],
        ["granary.log.records.failed"] = [new("etcd_server_proposals_failed_total")],
        ["granary.log.records.pending"] = [new("etcd_server_proposals_pending")],
        ["granary.puts"] = [new("etcd_mvcc_put_total"), new("etcd_debugging_mvcc_put_total")],
        ["granary.put.bytes"] = [new("etcd_debugging_mvcc_total_put_size_in_bytes")],
        ["granary.deletes"] = [new("etcd_mvcc_delete_total"), new("etcd_debugging_mvcc_delete_total")],
        ["granary.ranges"] = [new("etcd_mvcc_range_total"), new("etcd_debugging_mvcc_range_total")],
        ["granary.txns"] = [new("etcd_mvcc_txn_total"), new("etcd_debugging_mvcc_txn_total")],
        ["granary.range.duration"] = [new("etcd_server_range_duration_seconds", DurationSeconds)],
        ["granary.batch.commit.duration"] = [new("etcd_server_request_duration_seconds", DurationSeconds)],
        ["granary.compaction.removed"] = [new("etcd_debugging_mvcc_db_compaction_keys_total")],
        ["granary.compaction.duration"] = [new("etcd_debugging_mvcc_db_compaction_total_duration_milliseconds", TotalMilliseconds)],
        ["granary.compaction.step.duration"] =
        [
            new("etcd_debugging_mvcc_db_compaction_pause_duration_milliseconds", PauseMilliseconds),
            new("etcd_debugging_mvcc_index_compaction_pause_duration_milliseconds", PauseMilliseconds),
        ],
        ["granary.hash.duration"] =
        [
            new("etcd_mvcc_hash_duration_seconds", DurationSeconds),
            new("etcd_mvcc_hash_rev_duration_seconds", DurationSeconds),
        ],
        ["granary.reclaim.duration"] = [new("etcd_disk_backend_defrag_duration_seconds", TotalSeconds)],
        ["granary.reclaims.running"] = [new("etcd_disk_defrag_inflight")],
        ["granary.watch.streams"] = [new("etcd_debugging_mvcc_watch_stream_total")],
        ["granary.watch.watchers"] = [new("etcd_debugging_mvcc_watcher_total")],
        ["granary.watch.watchers.behind"] = [new("etcd_debugging_mvcc_slow_watcher_total")],
        ["granary.watch.events"] = [new("etcd_debugging_mvcc_events_total")],
        ["granary.leases.granted"] = [new("etcd_debugging_lease_granted_total")],
        ["granary.leases.renewed"] = [new("etcd_debugging_lease_renewed_total")],
        ["granary.leases.revoked"] = [new("etcd_debugging_lease_revoked_total")],
        ["granary.leases.expired"] = [new("etcd_debugging_server_lease_expired_total")],
        ["granary.leases.ttl.seconds"] = [new("etcd_debugging_lease_ttl_total", TtlSeconds)],
    };

    /// <summary>The names of one instrument, etcd's and its own with the bounds that suit its unit.</summary>
    public static IReadOnlyList<EtcdName> Of(string instrument) => ByInstrument.GetValueOrDefault(instrument) ?? [];

    /// <summary>As many of an instrument's names as any has.</summary>
    public static int MostNames { get; } = ByInstrument.Values.Max(names => names.Length);

    public static double[] BoundsOf(string? unit) => unit == "s" ? DurationSeconds : [.. Doubling(1, 13)];

    private static IEnumerable<double> Doubling(double first, int count) => Enumerable.Range(0, count).Select(i => Math.Round(first * (1L << i), 7));
}

/// <param name="Name">A name of etcd's.</param>
/// <param name="Bounds">The upper bounds of its buckets, if it has any.</param>
internal sealed record EtcdName(string Name, double[]? Bounds = null);
