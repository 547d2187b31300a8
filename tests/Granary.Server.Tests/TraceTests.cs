using System.Collections.Concurrent;
using System.Diagnostics;
using Google.Protobuf;
using Granary.Protos;
using Granary.Server.Configuration;
using Granary.Server.Tests.Otlp;
using Granary.Testing;
using Grpc.Core;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Granary.Server.Tests;

/// <summary>One trace from the client's traceparent through rpc, grain call, evaluate, commit and apply, received by OTLP.</summary>
[Collection("one server at a time")]
public sealed class TraceTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_put_a_range_and_a_txn_have_the_tree_of_spans_that_the_design_draws()
    {
        await using var receiver = await Receiver.Start();
        await using var server = await InProcessServer.Start(Stop, options => options with { Tracing = new TracingOptions(receiver.Address, "granary", "", 0) });
        var key = ByteString.CopyFromUtf8("k");

        var put = await Traced(receiver, headers => server.Kv.PutAsync(new PutRequest { Key = key }, headers, cancellationToken: Stop).ResponseAsync, spans: 5);
        Assert.Equal(
            [
                "rpc < client",
                "IKeyRangeGrain/Put < rpc",
                "apply < commit",
                "commit < IKeyRangeGrain/Put",
                "evaluate < IKeyRangeGrain/Put",
            ],
            put.Order(StringComparer.Ordinal).OrderByDescending(line => line.StartsWith("rpc", StringComparison.Ordinal)));

        var range = await Traced(receiver, headers => server.Kv.RangeAsync(new RangeRequest { Key = key }, headers, cancellationToken: Stop).ResponseAsync, spans: 3);
        Assert.Equal(
            ["IKeyRangeReaderGrain/Range < rpc", "evaluate < IKeyRangeReaderGrain/Range", "rpc < client"],
            range.Order(StringComparer.Ordinal));

        var request = new TxnRequest { Success = { new RequestOp { RequestPut = new PutRequest { Key = key } } } };
        var txn = await Traced(receiver, headers => server.Kv.TxnAsync(request, headers, cancellationToken: Stop).ResponseAsync, spans: 5);
        Assert.Equal(
            ["IKeyRangeGrain/Txn < rpc", "apply < commit", "commit < IKeyRangeGrain/Txn", "evaluate < IKeyRangeGrain/Txn", "rpc < client"],
            txn.Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task What_is_asked_of_a_silo_that_follows_is_one_trace_over_both()
    {
        await using var receiver = await Receiver.Start();
        await using var database = await PostgresServer.Start(Stop);
        await using var leader = await Start("leader");
        await using var follower = await Start("follower");
        var kv = new KV.KVClient(follower.Channel);
        var key = ByteString.CopyFromUtf8("k");

        var put = await Traced(receiver, headers => kv.PutAsync(new PutRequest { Key = key }, headers, cancellationToken: Stop).ResponseAsync, spans: 5);
        Assert.Equal(
            ["IKeyRangeGrain/Put < rpc", "apply < commit", "commit < IKeyRangeGrain/Put", "evaluate < IKeyRangeGrain/Put", "rpc < client"],
            put.Order(StringComparer.Ordinal));
        string Of(string name) => receiver.Instances[receiver.Spans.Last(span => span.Name.StartsWith(name, StringComparison.Ordinal)).SpanId];
        Assert.Equal(("follower", "follower", "leader", "leader", "leader"), (Of("POST "), Of("IKeyRangeGrain/Put"), Of("evaluate"), Of("commit"), Of("apply")));

        Task<Testing.Server> Start(string instance) => Testing.Server.Start(
            Product.Granary,
            Stop,
            "--engine=postgres",
            $"--postgres={database.ConnectionString()}",
            "--enable-distributed-tracing",
            $"--distributed-tracing-address={receiver.Address}",
            $"--distributed-tracing-instance-id={instance}");
    }

    [Fact]
    public async Task A_commit_links_to_the_requests_whose_batch_it_is()
    {
        await using var receiver = await Receiver.Start();
        await using var server = await InProcessServer.Start(Stop, options => options with { Tracing = new TracingOptions(receiver.Address, "granary", "", 0) });
        var latch = server.Latches.Open(TimeSpan.FromMinutes(5));
        using var counters = new Counters();
        await server.Writer().Latch(latch, Stop);
        var first = ActivityTraceId.CreateRandom();
        var second = ActivityTraceId.CreateRandom();
        var calls = new[] { first, second }
            .Select(trace => server.Kv.PutAsync(new PutRequest { Key = ByteString.CopyFromUtf8("k") }, Sampled(trace), cancellationToken: Stop).ResponseAsync)
            .ToList();
        await Eventually.Holds("both wait", () => Task.FromResult(counters["granary.writes.queued"] == 2), TimeSpan.FromSeconds(30), Stop);
        await server.Writer().Release(latch);
        await Task.WhenAll(calls);

        await Eventually.Holds("the commit arrived", () => Task.FromResult(receiver.Spans.Any(span => span.Name == "commit")), TimeSpan.FromSeconds(60), Stop);
        var commit = Assert.Single(receiver.Spans, span => span.Name == "commit");
        Assert.Equal(
            new[] { first, second }.Select(trace => trace.ToString()).Order(),
            commit.Links.Select(link => Convert.ToHexStringLower(link.TraceId.Span)).Order());
    }

    [Fact]
    public async Task The_delivery_of_an_event_links_to_its_commit()
    {
        await using var receiver = await Receiver.Start();
        await using var server = await InProcessServer.Start(Stop, options => options with { Tracing = new TracingOptions(receiver.Address, "granary", "", 0) });
        using var watch = new Watch.WatchClient(server.Channel).Watch(cancellationToken: Stop);
        var key = ByteString.CopyFromUtf8("k");
        await watch.RequestStream.WriteAsync(new WatchRequest { CreateRequest = new WatchCreateRequest { Key = key } }, Stop);
        Assert.True(await watch.ResponseStream.MoveNext(Stop) && watch.ResponseStream.Current.Created);

        var put = await Traced(receiver, headers => server.Kv.PutAsync(new PutRequest { Key = key }, headers, cancellationToken: Stop).ResponseAsync, spans: 6);
        Assert.Contains("watch delivery < commit", put);
        var delivery = Assert.Single(receiver.Spans, span => span.Name == "watch delivery");
        var commit = Assert.Single(receiver.Spans, span => span.Name == "commit");
        Assert.Equal(commit.SpanId, Assert.Single(delivery.Links).SpanId);
    }

    [Fact]
    public async Task Granting_renewing_and_revoking_a_lease_are_spans_of_their_call_and_its_expiry_is_a_trace_of_its_own()
    {
        await using var receiver = await Receiver.Start();
        await using var server = await InProcessServer.Start(Stop, options => options with { Tracing = new TracingOptions(receiver.Address, "granary", "", 1_000_000) });
        var leases = new Lease.LeaseClient(server.Channel);
        var grant = await Traced(receiver, headers => leases.LeaseGrantAsync(new LeaseGrantRequest { ID = 1, TTL = 600 }, headers, cancellationToken: Stop).ResponseAsync, spans: 5);
        Assert.Equal(
            ["ILeaseGrain/Grant < rpc", "apply < commit", "commit < ILeaseGrain/Grant", "evaluate < ILeaseGrain/Grant", "rpc < client"],
            grant.Order(StringComparer.Ordinal));
        var revoke = await Traced(receiver, headers => leases.LeaseRevokeAsync(new LeaseRevokeRequest { ID = 1 }, headers, cancellationToken: Stop).ResponseAsync, spans: 5);
        Assert.Equal(
            ["ILeaseGrain/Revoke < rpc", "apply < commit", "commit < ILeaseGrain/Revoke", "evaluate < ILeaseGrain/Revoke", "rpc < client"],
            revoke.Order(StringComparer.Ordinal));
        var renewal = await Traced(
            receiver,
            async headers =>
            {
                using var stream = leases.LeaseKeepAlive(headers, cancellationToken: Stop);
                await stream.RequestStream.WriteAsync(new LeaseKeepAliveRequest { ID = 1 }, Stop);
                await stream.RequestStream.CompleteAsync();
                Assert.True(await stream.ResponseStream.MoveNext(Stop));
                Assert.False(await stream.ResponseStream.MoveNext(Stop));
            },
            spans: 2);
        Assert.Equal(["ILeaseGrain/KeepAlive < rpc", "rpc < client"], renewal.Order(StringComparer.Ordinal));

        await leases.LeaseGrantAsync(new LeaseGrantRequest { ID = 2, TTL = 2 }, cancellationToken: Stop);
        await server.Kv.PutAsync(new PutRequest { Key = ByteString.CopyFromUtf8("k"), Lease = 2 }, cancellationToken: Stop);
        List<string> OfExpiry() => receiver.Spans.FirstOrDefault(span => span.Name == "lease expiry") is { } expiry
            ? [.. receiver.Spans.Where(span => span.TraceId == expiry.TraceId).Select(span => span.ParentSpanId.IsEmpty ? $"{span.Name}, a root" : span.Name).Order(StringComparer.Ordinal)]
            : [];
        await Eventually.Holds("the expiry's spans arrived", () => Task.FromResult(OfExpiry().Count >= 4), TimeSpan.FromSeconds(60), Stop);
        Assert.Equal(["apply", "commit", "evaluate", "lease expiry, a root"], OfExpiry());
    }

    [Fact]
    public async Task What_is_not_sampled_makes_no_span()
    {
        await using var receiver = await Receiver.Start();
        await using var server = await InProcessServer.Start(Stop, options => options with { Tracing = new TracingOptions(receiver.Address, "granary", "", 0) });
        using var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name.StartsWith("Granary", StringComparison.Ordinal),
            ActivityStarted = _ => Interlocked.Increment(ref _started),
        };
        ActivitySource.AddActivityListener(listener);
        for (var i = 0; i < 100; i++)
        {
            await server.Kv.PutAsync(new PutRequest { Key = ByteString.CopyFromUtf8("k") }, cancellationToken: Stop);
            await server.Kv.RangeAsync(new RangeRequest { Key = ByteString.CopyFromUtf8("k") }, cancellationToken: Stop);
        }

        Assert.Equal(0, _started);

        // The spans of a sampled call behind them are the first to arrive.
        await Traced(receiver, headers => server.Kv.PutAsync(new PutRequest { Key = ByteString.CopyFromUtf8("k") }, headers, cancellationToken: Stop).ResponseAsync, spans: 5);
        Assert.Equal(5, receiver.Spans.Count);
    }

    private int _started;

    private static Metadata Sampled(ActivityTraceId trace) => new() { { "traceparent", $"00-{trace}-{ActivitySpanId.CreateRandom()}-01" } };

    /// <summary>Makes one sampled call and returns its spans, each as "name &lt; name of its parent".</summary>
    private static async Task<List<string>> Traced(Receiver receiver, Func<Metadata, Task> call, int spans)
    {
        var trace = ActivityTraceId.CreateRandom();
        var parent = ActivitySpanId.CreateRandom();
        await call(new Metadata { { "traceparent", $"00-{trace}-{parent}-01" } });
        List<Span> Arrived() => [.. receiver.Spans.Where(span => Convert.ToHexStringLower(span.TraceId.Span) == trace.ToString())];
        await Eventually.Holds($"{spans} spans arrived", () => Task.FromResult(Arrived().Count >= spans), TimeSpan.FromSeconds(60), Stop);

        var arrived = Arrived();
        string Name(ByteString id) =>
            Convert.ToHexStringLower(id.Span) == parent.ToString() ? "client"
            : arrived.Find(span => span.SpanId == id) is not { } found ? "nobody"
            : found.Name.StartsWith("POST ", StringComparison.Ordinal) ? "rpc"
            : found.Name;
        return [.. arrived.Select(span => $"{Name(span.SpanId)} < {Name(span.ParentSpanId)}")];
    }

    /// <summary>An OTLP receiver on loopback that keeps every span.</summary>
    private sealed class Receiver : TraceService.TraceServiceBase, IAsyncDisposable
    {
        private WebApplication? _app;

        public ConcurrentQueue<Span> Spans { get; } = new();

        /// <summary>By a span's id, which process it is of.</summary>
        public ConcurrentDictionary<ByteString, string> Instances { get; } = new();

        public string Address { get; private set; } = "";

        public static async Task<Receiver> Start()
        {
            var receiver = new Receiver();
            var port = LoopbackPorts.Take();
            receiver.Address = $"127.0.0.1:{port}";
            var builder = WebApplication.CreateSlimBuilder();
            builder.WebHost.ConfigureKestrel(kestrel => kestrel.ListenLocalhost(port, listen => listen.Protocols = HttpProtocols.Http2));
            builder.Logging.ClearProviders();
            builder.Services.AddGrpc();
            builder.Services.AddSingleton(receiver);
            receiver._app = builder.Build();
            receiver._app.MapGrpcService<Receiver>();
            await receiver._app.StartAsync(Stop);
            return receiver;
        }

        public override Task<ExportTraceServiceResponse> Export(ExportTraceServiceRequest request, ServerCallContext context)
        {
            foreach (var from in request.ResourceSpans)
            {
                var instance = from.Resource.Attributes.FirstOrDefault(static attribute => attribute.Key == "service.instance.id")?.Value.StringValue ?? "";
                foreach (var span in from.ScopeSpans.SelectMany(static scope => scope.Spans))
                {
                    Instances[span.SpanId] = instance;
                    Spans.Enqueue(span);
                }
            }

            return Task.FromResult(new ExportTraceServiceResponse());
        }

        public async ValueTask DisposeAsync() => await _app!.DisposeAsync();
    }
}
