using System.Globalization;
using System.IO.Compression;
using System.Net;
using System.Text;
using System.Text.RegularExpressions;
using Google.Protobuf;
using Granary.Protos;
using Granary.Server.Configuration;
using Granary.Server.Metrics;
using Granary.Storage.Stores.Rocks;
using Granary.Testing;
using Grpc.Core;

namespace Granary.Server.Tests;

/// <summary>What /metrics gives out: well-formed, with etcd's names, and with all that our dashboard and alerts ask for.</summary>
[Collection("one server at a time")]
public sealed partial class MetricsTests
{
    // What etcd's own dashboards and alerts, and those of Kubernetes, ask for.
    private static readonly string[] AskedFor =
    [
        "etcd_server_has_leader", "etcd_server_is_leader", "etcd_server_is_learner", "etcd_server_leader_changes_seen_total",
        "etcd_server_proposals_committed_total", "etcd_server_proposals_applied_total", "etcd_server_proposals_pending",
        "etcd_server_proposals_failed_total", "etcd_server_slow_apply_total", "etcd_server_slow_read_indexes_total",
        "etcd_server_read_indexes_failed_total", "etcd_server_heartbeat_send_failures_total", "etcd_server_quota_backend_bytes",
        "etcd_server_health_success", "etcd_server_health_failures", "etcd_server_healthcheck", "etcd_server_healthchecks_total",
        "etcd_server_version", "etcd_server_go_version", "etcd_cluster_version", "etcd_server_id", "etcd_server_client_requests_total",
        "etcd_server_apply_duration_seconds_bucket", "etcd_server_range_duration_seconds_bucket", "etcd_server_request_duration_seconds_bucket",
        "etcd_server_snapshot_apply_in_progress_total", "etcd_disk_wal_fsync_duration_seconds_bucket",
        "etcd_disk_backend_commit_duration_seconds_bucket", "etcd_disk_wal_write_bytes_total", "etcd_disk_wal_write_duration_seconds_bucket",
        "etcd_mvcc_db_total_size_in_bytes", "etcd_mvcc_db_total_size_in_use_in_bytes", "etcd_mvcc_db_open_read_transactions",
        "etcd_mvcc_put_total", "etcd_mvcc_range_total", "etcd_mvcc_delete_total", "etcd_mvcc_txn_total", "etcd_mvcc_hash_duration_seconds_bucket",
        "etcd_mvcc_hash_rev_duration_seconds_bucket", "etcd_debugging_mvcc_keys_total", "etcd_debugging_mvcc_current_revision",
        "etcd_debugging_mvcc_compact_revision", "etcd_debugging_mvcc_watch_stream_total", "etcd_debugging_mvcc_watcher_total",
        "etcd_debugging_mvcc_slow_watcher_total", "etcd_debugging_mvcc_events_total", "etcd_debugging_mvcc_pending_events_total",
        "etcd_debugging_mvcc_db_compaction_keys_total", "etcd_debugging_mvcc_db_compaction_last", "etcd_debugging_mvcc_total_put_size_in_bytes",
        "etcd_debugging_mvcc_range_total", "etcd_debugging_mvcc_put_total", "etcd_debugging_mvcc_db_compaction_pause_duration_milliseconds_bucket",
        "etcd_debugging_mvcc_db_compaction_total_duration_milliseconds_bucket",
        "etcd_debugging_mvcc_index_compaction_pause_duration_milliseconds_bucket", "etcd_debugging_lease_granted_total",
        "etcd_debugging_lease_revoked_total", "etcd_debugging_lease_renewed_total", "etcd_debugging_lease_ttl_total_bucket",
        "etcd_debugging_server_lease_expired_total", "etcd_debugging_auth_revision", "etcd_network_client_grpc_received_bytes_total",
        "etcd_network_client_grpc_sent_bytes_total", "etcd_network_server_stream_failures_total", "etcd_disk_backend_defrag_duration_seconds_bucket",
        "etcd_disk_defrag_inflight", "grpc_server_started_total", "grpc_server_handled_total", "grpc_server_msg_received_total",
        "grpc_server_msg_sent_total", "grpc_server_handling_seconds_bucket", "os_fd_used", "os_fd_limit", "process_cpu_seconds_total",
        "process_resident_memory_bytes", "process_virtual_memory_bytes", "process_open_fds", "process_max_fds", "process_start_time_seconds",
    ];

    private static readonly HttpClient Http = new();

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Dashboards_and_alerts_find_what_they_ask_for_ours_and_etcds()
    {
        await using var server = await InProcessServer.Start(Stop, options => options with { ExtensiveMetrics = true });
        var names = Names(await ScrapeAfterUse(server));
        Assert.Empty(AskedFor.Except(names));

        var telemetry = Path.Combine(Repository.Root, "silo-config", "telemetry");
        foreach (var file in (string[])[Path.Combine(telemetry, "grafana", "granary.json"), Path.Combine(telemetry, "alerts.yml")])
        {
            var asked = Metric().Matches(await File.ReadAllTextAsync(file, Stop)).Select(match => match.Value).Distinct().ToList();
            Assert.True(asked.Count > 10, $"{file} asks for nothing");
            Assert.Empty(asked.Except(names));
        }
    }

    [Fact]
    public async Task Promtool_has_nothing_to_say_against_our_own_names()
    {
        await using var server = await InProcessServer.Start(Stop);
        var run = await Promtool(await ScrapeAfterUse(server), "check", "metrics");

        // 3: it was read, and there are names that it would not have chosen. Those of others are what they are.
        Assert.True(run.ExitCode is 0 or 3, run.All);
        Assert.All(
            run.All.Split('\n', StringSplitOptions.RemoveEmptyEntries),
            line => Assert.Matches("^(etcd_|orleans_|dotnet_|kestrel_)", line));
    }

    // As text and as OpenMetrics, packed and not.
    [Theory]
    [InlineData("text/plain", false)]
    [InlineData("text/plain", true)]
    [InlineData("application/openmetrics-text", false)]
    [InlineData("application/openmetrics-text", true)]
    public async Task Each_line_of_the_page_has_the_form_that_etcds_have(string form, bool isPacked)
    {
        await using var server = await InProcessServer.Start(Stop, options => options with { ExtensiveMetrics = true });
        var plain = await ScrapeAfterUse(server);
        using var client = new HttpClient(new SocketsHttpHandler { AutomaticDecompression = DecompressionMethods.None });
        using var request = new HttpRequestMessage(HttpMethod.Get, $"http://{server.Channel.Target}/metrics");
        request.Headers.TryAddWithoutValidation("Accept", form);
        request.Headers.TryAddWithoutValidation("Accept-Encoding", isPacked ? "gzip" : "identity");
        using var response = await client.SendAsync(request, Stop);
        Assert.Equal(form, response.Content.Headers.ContentType?.MediaType);
        Assert.Equal(isPacked ? ["gzip"] : [], response.Content.Headers.ContentEncoding);
        var body = await response.Content.ReadAsStreamAsync(Stop);
        var text = await new StreamReader(isPacked ? new GZipStream(body, CompressionMode.Decompress) : body).ReadToEndAsync(Stop);

        Assert.EndsWith("\n", text, StringComparison.Ordinal);
        var lines = text.Split('\n')[..^1];
        Assert.All(lines, line => Assert.Matches(line.StartsWith('#') ? Comment() : Sample(), line));
        Assert.Equal(Names(plain).Count, Names(text).Count(name => !name.EndsWith("_created", StringComparison.Ordinal)));

        // A histogram is whole: all that was measured is in its last bucket, with a sum.
        var histograms = lines.Where(line => line.EndsWith(" histogram", StringComparison.Ordinal)).Select(line => line.Split(' ')[2]).ToList();
        Assert.Contains("etcd_mvcc_hash_duration_seconds", histograms);
        foreach (var name in histograms)
        {
            var counts = Series(name + "_count");
            Assert.NotEmpty(counts);
            Assert.Equal(counts, Series(name + "_bucket").Where(series => series.Labels.Contains("le=\"+Inf\"", StringComparison.Ordinal))
                .Select(series => (series.Labels.Replace("le=\"+Inf\"", "", StringComparison.Ordinal).TrimEnd(','), series.Value)));
            Assert.Equal(counts.Select(series => series.Labels), Series(name + "_sum").Select(series => series.Labels));
        }

        List<(string Labels, string Value)> Series(string name) =>
            [.. lines.Select(line => Sample().Match(line)).Where(match => match.Groups["name"].Value == name).Select(match => (match.Groups["labels"].Value, match.Groups["value"].Value))];
    }

    [Theory]
    [InlineData("a{} 1\nb{c=\"{} \"} 2\nd{} 3\n", "a 1\nb{c=\"{} \"} 2\nd 3\n")]
    [InlineData("# HELP a Of {} it.\na{} 1 # {} 5", "# HELP a Of {} it.\na 1 # {} 5")]
    [InlineData("\n\na 1\n", "\n\na 1\n")]
    [InlineData("", "")]
    public void Braces_go_where_they_would_hold_labels_and_nowhere_else(string page, string bare)
    {
        var bytes = Encoding.UTF8.GetBytes(page);
        Assert.Equal(bare, Encoding.UTF8.GetString(bytes, 0, BareNames.WithoutEmptyBraces(bytes)));
    }

    [Fact]
    public async Task The_store_takes_no_more_memory_than_it_is_given()
    {
        await using var server = await InProcessServer.Start(
            Stop, static options => options with { Engine = Engine.Embedded, StoreMemoryBytes = RocksStoreOptions.MinMemoryBytes });
        var value = ByteString.CopyFrom(new byte[100_000]);
        for (var i = 0; i < 400; i++)
        {
            await server.Kv.PutAsync(new PutRequest { Key = ByteString.CopyFromUtf8($"k{i}"), Value = value }, cancellationToken: Stop);
        }

        await server.Kv.RangeAsync(new RangeRequest { Key = ByteString.CopyFromUtf8("k"), RangeEnd = ByteString.CopyFromUtf8("l"), Limit = 200 }, cancellationToken: Stop);
        await Eventually.Holds(
            "of the 40 MB in the store, no more than 12 MiB are in its memory",
            async () => Figure(await Http.GetStringAsync(server.Address + "/metrics", Stop)) is > 0 and <= RocksStoreOptions.MinMemoryBytes,
            TimeSpan.FromSeconds(30),
            Stop);

        static double Figure(string page) => page.Split('\n')
            .Where(line => line.StartsWith("granary_store_memtable_bytes ", StringComparison.Ordinal) || line.StartsWith("granary_store_cache_bytes ", StringComparison.Ordinal))
            .Sum(line => double.Parse(line.Split(' ')[1], CultureInfo.InvariantCulture));
    }

    [Theory]
    [InlineData("config", "prometheus.yml")]
    [InlineData("rules", "alerts.yml")]
    public async Task Promtool_accepts_the_configuration_that_is_shipped(string kind, string file)
    {
        var run = await Promtool("", "check", kind, Path.Combine(Repository.Root, "silo-config", "telemetry", file));
        Assert.True(run.ExitCode == 0, run.All);
    }

    [Fact]
    public async Task Calls_are_counted_by_method_and_status()
    {
        await using var server = await InProcessServer.Start(Stop);
        var text = await ScrapeAfterUse(server);
        Assert.Equal(3, Value(text, "grpc_server_handled_total", "grpc_method=\"Put\"", "grpc_code=\"OK\""));
        Assert.Equal(1, Value(text, "grpc_server_handled_total", "grpc_method=\"Range\"", "grpc_code=\"InvalidArgument\""));
        Assert.Equal(1, Value(text, "grpc_server_started_total", "grpc_service=\"etcdserverpb.Watch\""));
        Assert.Equal(2, Value(text, "grpc_server_msg_received_total", "grpc_method=\"LeaseKeepAlive\""));
        Assert.Equal(2, Value(text, "grpc_server_msg_sent_total", "grpc_method=\"LeaseKeepAlive\""));
        Assert.Equal(3, Value(text, "etcd_mvcc_put_total"));
        Assert.Equal(1, Value(text, "etcd_debugging_mvcc_watcher_total"));
    }

    /// <summary>Does a little of everything, and says what is measured then.</summary>
    private static async Task<string> ScrapeAfterUse(InProcessServer server)
    {
        var key = ByteString.CopyFromUtf8("k");
        for (var i = 0; i < 3; i++)
        {
            await server.Kv.PutAsync(new PutRequest { Key = key, Value = key }, cancellationToken: Stop);
        }

        await server.Kv.RangeAsync(new RangeRequest { Key = key }, cancellationToken: Stop);
        await server.Kv.TxnAsync(new TxnRequest { Success = { new RequestOp { RequestRange = new RangeRequest { Key = key } } } }, cancellationToken: Stop);
        await Assert.ThrowsAsync<RpcException>(async () => await server.Kv.RangeAsync(new RangeRequest(), cancellationToken: Stop));
        await server.Kv.CompactAsync(new CompactionRequest { Revision = 3, Physical = true }, cancellationToken: Stop);
        var leases = new Lease.LeaseClient(server.Channel);
        await leases.LeaseGrantAsync(new LeaseGrantRequest { ID = 1, TTL = 60 }, cancellationToken: Stop);
        using (var alive = leases.LeaseKeepAlive(cancellationToken: Stop))
        {
            await alive.RequestStream.WriteAsync(new LeaseKeepAliveRequest { ID = 1 }, Stop);
            await alive.RequestStream.WriteAsync(new LeaseKeepAliveRequest { ID = 2 }, Stop);
            await alive.RequestStream.CompleteAsync();
            while (await alive.ResponseStream.MoveNext(Stop))
            {
            }
        }

        await leases.LeaseRevokeAsync(new LeaseRevokeRequest { ID = 1 }, cancellationToken: Stop);
        await leases.LeaseGrantAsync(new LeaseGrantRequest { ID = 3, TTL = 2 }, cancellationToken: Stop);
        await Eventually.Holds(
            "a lease has run out",
            async () => (await leases.LeaseLeasesAsync(new LeaseLeasesRequest(), cancellationToken: Stop)).Leases.Count == 0,
            TimeSpan.FromSeconds(60),
            Stop);
        var maintenance = new Maintenance.MaintenanceClient(server.Channel);
        await maintenance.HashKVAsync(new HashKVRequest(), cancellationToken: Stop);
        await maintenance.DefragmentAsync(new DefragmentRequest(), cancellationToken: Stop);
        using var watch = new Watch.WatchClient(server.Channel).Watch(cancellationToken: Stop);
        await watch.RequestStream.WriteAsync(new WatchRequest { CreateRequest = new WatchCreateRequest { Key = key } }, Stop);
        await watch.ResponseStream.MoveNext(Stop);
        await Http.GetAsync($"http://{server.Channel.Target}/health", Stop);
        await Http.GetAsync($"http://{server.Channel.Target}/readyz", Stop);
        return await Http.GetStringAsync($"http://{server.Channel.Target}/metrics", Stop);
    }

    private static HashSet<string> Names(string text) =>
        [.. text.Split('\n').Where(line => line.Length > 0 && line[0] != '#').Select(line => line[..line.IndexOfAny(['{', ' '])])];

    private static double Value(string text, string name, params string[] labels) => text.Split('\n')
        .Where(line => line.StartsWith(name, StringComparison.Ordinal) && line[name.Length] is '{' or ' ' && labels.All(label => line.Contains(label, StringComparison.Ordinal)))
        .Select(line => double.Parse(line[(line.LastIndexOf(' ') + 1)..], System.Globalization.CultureInfo.InvariantCulture))
        .Single();

    private static async Task<Tool> Promtool(string input, params string[] arguments) =>
        await Tool.End(Tool.Start(await Repository.Tool("get-promtool", Stop), arguments), Stop, input);

    [GeneratedRegex(@"\A# (HELP|TYPE|UNIT) [a-zA-Z_][a-zA-Z0-9_]* .+\z|\A# EOF\z")]
    private static partial Regex Comment();

    [GeneratedRegex("""
        \A(?<name>[a-zA-Z_][a-zA-Z0-9_]*)
        (\{(?<labels>[a-zA-Z_][a-zA-Z0-9_]*="([^"\\]|\\.)*"(,[a-zA-Z_][a-zA-Z0-9_]*="([^"\\]|\\.)*")*)\})?
        [ ](?<value>[-+0-9.eE]+|[+-]Inf|NaN)([ ][0-9.]+)?\z
        """, RegexOptions.IgnorePatternWhitespace | RegexOptions.ExplicitCapture)]
    private static partial Regex Sample();

    [GeneratedRegex(@"\b(etcd|granary|grpc_server|process|dotnet|orleans|kestrel)_[a-z_]+")]
    private static partial Regex Metric();
}
