using System.Diagnostics.Metrics;
using Granary.Grains.Hosting;
using Granary.Grains.KeyRanges;
using Granary.Grains.Watches;
using Granary.Log.Commits;
using Granary.Protos;
using Granary.Server.Configuration;
using Granary.Server.Facade;
using Granary.Server.Listening;
using Granary.Storage.Replicas;

namespace Granary.Server.Metrics;

/// <summary>What can be read off a server at any moment: its store, its state, under etcd's names where etcd has one.</summary>
internal sealed class ServerInstruments
{
    public const string MeterName = "Granary.Server";

    private readonly Replica _replica;
    private readonly Meter _meter;

    public ServerInstruments(
        Replica replica,
        ICommitLog log,
        ILeadership leadership,
        ReadBarrier barrier,
        WatchStreams watches,
        CompactionWorker compaction,
        ClientTraffic traffic,
        ConnectionBound connections,
        AnswerBudget answers,
        ServerOptions options,
        TimeProvider time,
        IMeterFactory meters)
    {
        _replica = replica;
        _meter = meters.Create(MeterName);
        AddStore(replica, new LatestFigures(() => replica.Store.Figures, time));
        AddServer(log, leadership, barrier, options);

        Gauge("etcd_debugging_mvcc_current_revision", "The store's revision.", () => replica.State.Revision);
        Gauge("etcd_debugging_mvcc_compact_revision", "The compacted revision.", () => replica.State.CompactedRevision);
        Gauge("etcd_debugging_mvcc_db_compaction_last", "When the last compaction was done, in seconds since 1970.", () => compaction.LastDone);
        Gauge("etcd_debugging_mvcc_pending_events_total", "Watch responses that wait for their clients.", () => watches.WaitingResponses);
        Gauge("etcd_debugging_auth_revision", "The revision of users and roles.", () => (long)replica.State.Auth.Revision);
        Gauge(
            "granary.watch.lag",
            "Revisions that are applied and that the watch hub has not delivered yet.",
            () => watches.DeliveredRevision is var delivered and > 0 ? Math.Max(0, replica.State.Revision - delivered) : 0);

        Gauge("granary.answers.memory.bytes", "Memory that large answers take, from when they are read until they are sent.", () => answers.Bytes);
        Counter("granary.answers.large", "Answers that were large.", () => answers.LargeCount);
        Gauge("granary.answers.waiting", "Large answers that wait for memory.", () => answers.WaitingCount);

        Counter("etcd_network_client_grpc_received_bytes_total", "Bytes that came over client connections.", () => traffic.ReceivedBytes);
        Counter("etcd_network_client_grpc_sent_bytes_total", "Bytes that went over client connections.", () => traffic.SentBytes);
        Gauge("granary.connections", "Client connections that are open.", () => connections.Open);
        Counter("granary.connections.refused", "Client connections that were cut off, since there were too many.", () => connections.Refused);
    }

    private void AddStore(Replica replica, LatestFigures figures)
    {
        Gauge("etcd_mvcc_db_total_size_in_bytes", "What the store takes up.", () => figures.Value.SizeBytes);
        Gauge("etcd_mvcc_db_total_size_in_use_in_bytes", "What of it is not superseded or deleted, roughly.", () => figures.Value.InUseBytes);
        Gauge("etcd_mvcc_db_open_read_transactions", "States of the store that somebody reads.", () => Math.Max(0, replica.OpenViewCount - 1));
        Gauge("granary.replica.views.open", "States of the replica that are held, the current one included.", () => replica.OpenViewCount);
        Gauge("etcd_debugging_mvcc_keys_total", "Keys that exist, roughly.", () => figures.Value.KeysCount);
        Gauge("granary.store.memtable.bytes", "What waits in memory to be written to files.", () => figures.Value.MemtableBytes);
        Gauge("granary.store.cache.bytes", "What is kept in memory of the files.", () => figures.Value.BlockCacheBytes);
        Gauge("granary.store.compaction.pending.bytes", "What is to be rewritten before the files are as few as they should be.",
            () => figures.Value.PendingCompactionBytes);
        Gauge("granary.store.compactions.running", "Compactions of files at work.", () => figures.Value.RunningCompactionsCount);
        Gauge("granary.store.flushes.running", "Flushes of memtables at work.", () => figures.Value.RunningFlushesCount);
        Gauge("granary.store.snapshots", "Snapshots of the store that are held.", () => figures.Value.SnapshotsCount);
    }

    private void AddServer(ICommitLog log, ILeadership leadership, ReadBarrier barrier, ServerOptions options)
    {
        Gauge("etcd_server_has_leader", "Whether writes have somebody to order them.", () => leadership.IsHeard ? 1 : 0);
        Gauge("etcd_server_is_leader", "Whether this server is the one.", () => log.IsLeading ? 1 : 0);
        Gauge("etcd_server_is_learner", "Whether this server only follows.", () => leadership.IsLearner ? 1 : 0);
        Gauge("etcd_server_quota_backend_bytes", "What the store may take up.", () => options.QuotaBackendBytes);
        Gauge("etcd_server_snapshot_apply_in_progress_total", "States of other servers that are being taken over.", static () => 0);
        Gauge("granary.log.writable", "Whether the log takes records: it fails for good, cannot be reached, or has no room for the moment.",
            () => leadership.IsHeard && log.Shortage is null ? 1 : 0);
        Gauge("granary.alarms", "Alarms that are up.", () => _replica.State.Alarms.Count);

        // Every term begins with a leader.
        long? firstTerm = null;
        Counter("etcd_server_leader_changes_seen_total", "Terms that began while this server ran.", () => _replica.State.Term - (firstTerm ??= _replica.State.Term) + 1);
        Counter("etcd_server_proposals_committed_total", "Records that are durable.", () => _replica.State.AppliedIndex);
        Counter("etcd_server_proposals_applied_total", "Records that are applied.", () => _replica.State.AppliedIndex);

        Counter("etcd_server_slow_read_indexes_total", "Read barriers that took long.", () => barrier.SlowCount);
        Counter("etcd_server_read_indexes_failed_total", "Read barriers that failed.", () => barrier.FailedCount);
        Counter("etcd_server_heartbeat_send_failures_total", "Heartbeats that could not be sent.", static () => 0);

        One("etcd_server_version", "server_version", () => ProductVersion.Etcd);
        One("etcd_server_go_version", "server_go_version", static () => $"dotnet{Environment.Version}");
        One("etcd_cluster_version", "cluster_version", static () => ProductVersion.EtcdCluster[..ProductVersion.EtcdCluster.LastIndexOf('.')]);
        One("etcd_server_id", "server_id", () => leadership.MemberId.ToString("x", System.Globalization.CultureInfo.InvariantCulture));
        One("granary.info", "version", static () => ProductVersion.Granary);
    }

    private void Gauge(string name, string description, Func<long> value) => _meter.CreateObservableGauge(name, value, description: description);

    private void Counter(string name, string description, Func<long> value) => _meter.CreateObservableCounter(name, value, description: description);

    /// <summary>Always 1: what it says is in its label.</summary>
    private void One(string name, string label, Func<string> value) => _meter.CreateObservableGauge(
        name, () => new Measurement<long>(1, new KeyValuePair<string, object?>(label, value())), description: "1 for what is named in the label.");
}
