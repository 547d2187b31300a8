using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Google.Protobuf;
using Granary.Protos;
using Granary.Testing;
using Grpc.Core;

namespace Granary.Server.Tests;

/// <summary>A server under clients that behave badly, as a process of its own, so that its memory can be weighed.</summary>
[Collection("one server at a time")]
public sealed class OverloadTests
{
    private const int Connections = 2000;
    private const int Samples = 1500;

    // What a busy machine takes by itself now and then: a bound below it would measure the machine.
    private const double NoiseMilliseconds = 50;

    private static readonly TimeSpan Generous = TimeSpan.FromSeconds(120);

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Two_thousand_connections_and_a_flood_of_bad_requests_hurt_nobody_else()
    {
        await using var server = await Testing.Server.Start(Product.Granary, Stop, "--engine=memory");
        var kv = new KV.KVClient(server.Channel);
        await kv.PutAsync(new PutRequest { Key = ByteString.CopyFromUtf8("big"), Value = ByteString.CopyFrom(new byte[1 << 20]) }, cancellationToken: Stop);
        await WellBehaved(kv);
        var normal = await WellBehaved(kv);
        var before = ServerMemory.Resident(server);

        var idle = await Task.WhenAll(Enumerable.Range(0, Connections).Select(i => Connect(server, i)));
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(Stop);
        var flood = Task.WhenAll(
            Paced(() => Oversized(kv), ending.Token),
            Paced(() => Malformed(server), ending.Token),
            Paced(() => Cancelled(kv), ending.Token),
            Paced(() => LeftInTheMiddle(server), ending.Token));
        var under = await WellBehaved(kv);
        await ending.CancelAsync();
        var badRequests = (await flood).Sum();
        Array.ForEach(idle, client => client.Dispose());

        TestContext.Current.TestOutputHelper!.WriteLine($"p99 {normal:F2} ms before, {under:F2} ms beside {badRequests} bad requests; {before >> 20} MiB before");
        Assert.True(badRequests > 100, $"only {badRequests} bad requests were made");
        Assert.True(under < Math.Max(10 * normal, NoiseMilliseconds), $"p99 {under} ms, normally {normal} ms");
        Assert.Equal("SERVING", await Health(server));
        using var http = new HttpClient();
        Assert.Equal(HttpStatusCode.OK, (await http.GetAsync(server.Address + "/health", Stop)).StatusCode);
        Assert.DoesNotContain("unexpectedly", server.Log, StringComparison.Ordinal);

        // Ordinary use goes on, and what the flood took is given back.
        await Eventually.Holds(
            $"its memory is back near {before >> 20} MiB",
            async () =>
            {
                await WellBehaved(kv);
                return ServerMemory.Resident(server) < before + (128 << 20);
            },
            Generous,
            Stop);
    }

    /// <summary>Puts and ranges one at a time; returns the p99 of their latencies, in milliseconds.</summary>
    private static async Task<double> WellBehaved(KV.KVClient kv)
    {
        var key = ByteString.CopyFromUtf8("good");
        var latencies = new List<double>();
        for (var i = 0; i < Samples; i++)
        {
            var start = Stopwatch.GetTimestamp();
            if (i % 2 == 0)
            {
                await kv.PutAsync(new PutRequest { Key = key, Value = key }, cancellationToken: Stop);
            }
            else
            {
                await kv.RangeAsync(new RangeRequest { Key = key }, cancellationToken: Stop);
            }

            latencies.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
        }

        latencies.Sort();
        return latencies[latencies.Count * 99 / 100];
    }

    /// <summary>Some of one kind of bad request a second, not as many as this machine can make: it serves them as well. Returns how many.</summary>
    private static async Task<int> Paced(Func<Task> request, CancellationToken ending)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(10));
        var count = 0;
        try
        {
            while (await timer.WaitForNextTickAsync(ending))
            {
                await request();
                count++;
            }
        }
        catch (OperationCanceledException)
        {
            // Enough.
        }

        return count;
    }

    private static async Task Oversized(KV.KVClient kv)
    {
        var error = await Assert.ThrowsAsync<RpcException>(async () => await kv.PutAsync(
            new PutRequest { Key = ByteString.CopyFromUtf8("k"), Value = ByteString.CopyFrom(new byte[3 << 20]) }, cancellationToken: Stop));
        Assert.Equal(StatusCode.ResourceExhausted, error.StatusCode);
    }

    private static async Task Cancelled(KV.KVClient kv)
    {
        using var left = new CancellationTokenSource();
        var call = kv.RangeAsync(new RangeRequest { Key = ByteString.CopyFromUtf8("big") }, cancellationToken: left.Token);
        await left.CancelAsync();
        await Assert.ThrowsAsync<RpcException>(async () => await call);
    }

    private static async Task Malformed(Testing.Server server)
    {
        using var client = await Connect(server);
        await client.GetStream().WriteAsync(
            Encoding.ASCII.GetBytes($"POST /v3/kv/put HTTP/1.1\r\nHost: x\r\nContent-Length: 20\r\nConnection: close\r\n\r\n{{\"key\":[[[[[[[[[[[[[["), Stop);
        var answer = await new StreamReader(client.GetStream()).ReadLineAsync(Stop);
        Assert.Equal("HTTP/1.1 400 Bad Request", answer);
    }

    private static async Task LeftInTheMiddle(Testing.Server server)
    {
        using var client = await Connect(server);
        await client.GetStream().WriteAsync("POST /v3/kv/put HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n{\"key\":\"AAAA"u8.ToArray(), Stop);
    }

    /// <summary>A connection that has begun: with nothing, with a request of HTTP that does not end, or with HTTP/2's preface.</summary>
    private static async Task<TcpClient> Connect(Testing.Server server, int i)
    {
        var client = await Connect(server);
        await client.GetStream().WriteAsync(
            (i % 3) switch
            {
                0 => ReadOnlyMemory<byte>.Empty,
                1 => "GET /health HTTP/1.1\r\nHost: x\r\nX-Slow: "u8.ToArray(),
                _ => "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8.ToArray(),
            },
            Stop);
        return client;
    }

    private static async Task<TcpClient> Connect(Testing.Server server)
    {
        var client = new TcpClient();
        await client.ConnectAsync(IPEndPoint.Parse(server.Endpoint), Stop);
        return client;
    }

    private static async Task<string> Health(Testing.Server server) =>
        (await new Grpc.Health.V1.Health.HealthClient(server.Channel).CheckAsync(new Grpc.Health.V1.HealthCheckRequest(), cancellationToken: Stop))
            .Status.ToString().ToUpperInvariant();
}
