using System.Net;
using System.Net.Sockets;
using System.Net.WebSockets;
using System.Text;
using Google.Protobuf;
using Granary.Protos;
using Granary.Server.Configuration;
using Granary.Server.Facade;
using Granary.Server.Gateway;
using Granary.Server.Health;
using Granary.Server.Http;
using Granary.Testing;
using Grpc.Core;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Granary.Server.Tests;

/// <summary>HTTP on the client port and beside it: who is let in where, and what stays up when a request does not.</summary>
[Collection("one server at a time")]
public sealed class HttpTests
{
    private static readonly HttpClient Http = new();

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Grpc_and_both_versions_of_http_share_one_port()
    {
        await using var server = await InProcessServer.Start(Stop);
        await server.Kv.PutAsync(new PutRequest { Key = ByteString.CopyFromUtf8("foo") }, cancellationToken: Stop);
        foreach (var version in (Version[])[HttpVersion.Version11, HttpVersion.Version20])
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, $"http://{server.Channel.Target}/v3/kv/range")
            {
                Version = version,
                VersionPolicy = HttpVersionPolicy.RequestVersionExact,
                Content = new StringContent("""{"key":"Zm9v"}"""),
            };
            using var response = await Http.SendAsync(request, Stop);
            Assert.Equal((HttpStatusCode.OK, version), (response.StatusCode, response.Version));
            Assert.Contains("\"Zm9v\"", await response.Content.ReadAsStringAsync(Stop), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Health_and_metrics_have_a_port_of_their_own_if_wanted_and_nothing_else_is_there()
    {
        var monitoring = $"http://127.0.0.1:{LoopbackPorts.Take()}";
        await using var server = await InProcessServer.Start(Stop, options => options with { ListenMetricsUrls = [ListenUrl.Parse(monitoring)] });
        foreach (var path in (string[])["/health", "/livez", "/readyz", "/metrics"])
        {
            using var response = await Http.GetAsync(monitoring + path, Stop);
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        }

        Assert.Equal(HttpStatusCode.NotFound, (await Http.PostAsync(monitoring + "/v3/kv/range", null, Stop)).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await Http.GetAsync(monitoring + "/version", Stop)).StatusCode);
        using var channel = Channels.To(monitoring);
        await Assert.ThrowsAsync<RpcException>(async () => await new KV.KVClient(channel).PutAsync(new PutRequest { Key = ByteString.CopyFromUtf8("k") }, cancellationToken: Stop));
    }

    [Fact]
    public async Task Metrics_and_debug_vars_can_be_shut_to_clients()
    {
        var monitoring = $"http://127.0.0.1:{LoopbackPorts.Take()}";
        await using var server = await InProcessServer.Start(
            Stop, options => options with { ListenMetricsUrls = [ListenUrl.Parse(monitoring)], EnableMetrics = false, EnableDebugVars = false });
        foreach (var path in (string[])["/metrics", "/debug/vars"])
        {
            Assert.Equal(HttpStatusCode.NotFound, (await Http.GetAsync($"http://{server.Channel.Target}{path}", Stop)).StatusCode);
        }

        Assert.Equal(HttpStatusCode.OK, (await Http.GetAsync(monitoring + "/metrics", Stop)).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await Http.GetAsync($"http://{server.Channel.Target}/health", Stop)).StatusCode);
    }

    [Fact]
    public async Task Http_can_be_moved_to_a_port_of_its_own()
    {
        var http = $"http://127.0.0.1:{LoopbackPorts.Take()}";
        await using var server = await InProcessServer.Start(Stop, options => options with { ListenClientHttpUrls = [ListenUrl.Parse(http)] });
        await server.Kv.PutAsync(new PutRequest { Key = ByteString.CopyFromUtf8("k") }, cancellationToken: Stop);
        Assert.Equal(HttpStatusCode.OK, (await Http.GetAsync(http + "/version", Stop)).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await Http.GetAsync($"http://{server.Channel.Target}/version", Stop)).StatusCode);
    }

    [Fact]
    public async Task Only_hosts_on_the_whitelist_are_answered_to()
    {
        await using var server = await InProcessServer.Start(Stop, options => options with { HostWhitelist = ["good.example", "127.0.0.1"] });
        Assert.Equal(HttpStatusCode.MisdirectedRequest, (await Get("evil.example")).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await Get("GOOD.example:1234")).StatusCode);
        await server.Kv.PutAsync(new PutRequest { Key = ByteString.CopyFromUtf8("k") }, cancellationToken: Stop);

        async Task<HttpResponseMessage> Get(string host)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, $"http://{server.Channel.Target}/version");
            request.Headers.Host = host;
            return await Http.SendAsync(request, Stop);
        }
    }

    [Fact]
    public async Task Only_pages_of_allowed_origins_may_read_answers()
    {
        await using var server = await InProcessServer.Start(Stop, options => options with { CorsOrigins = ["http://good.example"] });
        Assert.Equal("http://good.example", await AllowedTo("http://good.example"));
        Assert.Null(await AllowedTo("http://evil.example"));

        async Task<string?> AllowedTo(string origin)
        {
            using var request = new HttpRequestMessage(HttpMethod.Options, $"http://{server.Channel.Target}/v3/kv/range");
            request.Headers.Add("Origin", origin);
            using var response = await Http.SendAsync(request, Stop);
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
            return response.Headers.TryGetValues("Access-Control-Allow-Origin", out var values) ? values.Single() : null;
        }
    }

    [Fact]
    public async Task A_connection_that_says_nothing_or_never_ends_its_headers_is_closed()
    {
        await using var server = await InProcessServer.Start(Stop, options => options with { RequestHeadersTimeout = TimeSpan.FromMilliseconds(500) });
        foreach (var beginning in (string[])["", "P", "PR", "GET /health HTTP/1.1\r\nHost: x\r\n"])
        {
            using var client = new TcpClient();
            await client.ConnectAsync(IPAddress.Loopback, int.Parse(server.Channel.Target.Split(':')[1], System.Globalization.CultureInfo.InvariantCulture), Stop);
            await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes(beginning), Stop);
            var left = new byte[1000];
            try
            {
                while (await client.GetStream().ReadAsync(left, Stop).AsTask().WaitAsync(TimeSpan.FromSeconds(60), Stop) > 0)
                {
                }
            }
            catch (IOException)
            {
                // Closed by a reset.
            }
        }
    }

    [Fact]
    public async Task A_gateway_call_that_its_client_leaves_leaves_nothing_behind()
    {
        using var counters = new Counters();
        await using var server = await InProcessServer.Start(Stop);
        using var leaving = new HttpClient(new SocketsHttpHandler { ResponseDrainTimeout = TimeSpan.Zero });
        for (var i = 0; i < 20; i++)
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, $"http://{server.Channel.Target}/v3/watch")
            {
                Content = new StringContent("""{"create_request":{"key":"Zm9v"}}"""),
            };
            using var response = await leaving.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, Stop);
            Assert.Equal(1, counters["granary.watch.streams"]);
            response.Dispose();
            await Eventually.Holds("its watcher is freed", () => Task.FromResult(counters["granary.watch.streams"] == 0), TimeSpan.FromSeconds(60), Stop);
        }
    }

    [Fact]
    public async Task A_client_that_leaves_its_WebSocket_frees_what_it_watched()
    {
        using var counters = new Counters();
        await using var server = await InProcessServer.Start(Stop);
        foreach (var says in (bool[])[true, false])
        {
            using var socket = new ClientWebSocket();
            await socket.ConnectAsync(new Uri($"ws://{server.Channel.Target}/v3/watch"), Stop);
            await socket.SendAsync("""{"create_request":{"key":"Zm9v"}}"""u8.ToArray(), WebSocketMessageType.Text, endOfMessage: true, Stop);
            await socket.ReceiveAsync(new byte[1000], Stop);
            Assert.Equal(1, counters["granary.watch.watchers"]);
            if (says)
            {
                // Returns when the server has agreed.
                await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, null, Stop);
                Assert.Equal(WebSocketCloseStatus.NormalClosure, socket.CloseStatus);
            }
            else
            {
                socket.Abort();
            }

            await Eventually.Holds("its watcher is freed", () => Task.FromResult(counters["granary.watch.watchers"] == 0), TimeSpan.FromSeconds(60), Stop);
        }
    }

    [Fact]
    public async Task A_fault_in_one_request_is_that_requests_only_and_is_logged_with_its_trace()
    {
        await using var server = await InProcessServer.Start(Stop);
        using var log = new ListLog();
        var front = new HttpFront(
            static _ => throw new InvalidOperationException("a fault of ours"),
            static _ => Task.CompletedTask,
            server.Services.GetRequiredService<HealthEndpoints>(),
            new GatewayRoutes(EtcdServices.All),
            new ServerOptions(),
            log);
        var context = new DefaultHttpContext { RequestServices = server.Services, TraceIdentifier = "the-trace" };
        context.Request.Method = "POST";
        context.Request.Path = "/v3/kv/range";
        context.Request.Body = new MemoryStream("{}"u8.ToArray());
        context.Response.Body = new MemoryStream();
        await front.Serve(context);
        context.Response.Body.Position = 0;
        var body = await new StreamReader(context.Response.Body).ReadToEndAsync(Stop);
        Assert.Equal(500, context.Response.StatusCode);
        Assert.DoesNotContain("a fault of ours", body, StringComparison.Ordinal);
        var line = Assert.Single(log.Lines);
        Assert.Contains("the-trace", line, StringComparison.Ordinal);
        Assert.Contains("a fault of ours", line, StringComparison.Ordinal);
        await server.Kv.PutAsync(new PutRequest { Key = ByteString.CopyFromUtf8("k") }, cancellationToken: Stop);
    }

    private sealed class ListLog : ILoggerFactory, ILogger
    {
        public List<string> Lines { get; } = [];

        public ILogger CreateLogger(string categoryName) => this;

        public void AddProvider(ILoggerProvider provider) => throw new NotSupportedException("It keeps its lines itself.");

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Lines.Add($"{formatter(state, exception)} {exception}");

        public void Dispose()
        {
        }
    }
}
