using System.Diagnostics;
using System.Net;
using Google.Protobuf;

namespace Granary.Fuzz.Tests;

/// <summary>
/// Clients that send one kind of frame as fast as they can: meanwhile others are served, and the server's memory stays bounded and comes back
/// near what it was.
/// </summary>
public sealed class Http2FloodTests : IAsyncDisposable
{
    private const int Connections = 4;
    private const int OrdinaryWindow = 1 << 20;

    // Many frames at once: what is attacked is the server, not this machine's calls of the kernel.
    private const int FramesAtOnce = 50;

    // What a flood may take while it goes on, and what of it may stay.
    private const long MaxGrowth = 512 << 20;
    private const long MaxLeft = 160 << 20;

    private static readonly ByteString Large = ByteString.CopyFromUtf8("large");

    private static readonly TimeSpan Generous = TimeSpan.FromSeconds(60);

    // Each flood has a server of its own, so that what one leaves is not counted as another's.
    private readonly FuzzedServer _server = new();

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public Task Rapid_reset() => Flood("rapid reset", reads: true, OrdinaryWindow, () =>
    {
        var next = new Streams();
        return () => Many(() =>
        {
            var stream = next.Take();
            return
            [
                .. Http2Frames.Frame(Http2Frames.Headers, Http2Frames.EndHeaders, stream, Http2Frames.CallHeaders("/etcdserverpb.Watch/Watch")),
                .. Http2Frames.Frame(Http2Frames.ResetStream, 0, stream, [0, 0, 0, 8]),
            ];
        });
    });

    [Fact]
    public Task Headers_that_never_end() => Flood("continuation", reads: true, OrdinaryWindow, () =>
    {
        var isFirst = true;
        var filler = Enumerable.Range(0, 100).SelectMany(i => Http2Frames.Header($"x{i}", "y")).ToArray();
        return () =>
        {
            var type = isFirst ? Http2Frames.Headers : Http2Frames.Continuation;
            isFirst = false;
            return Http2Frames.Frame(type, 0, 1, filler);
        };
    });

    [Fact]
    public Task Settings() => Flood("settings", reads: false, OrdinaryWindow, () => () => Many(() => Http2Frames.Frame(Http2Frames.Settings, 0, 0, [0, 3, 0, 0, 1, 0])));

    [Fact]
    public Task Pings() => Flood("ping", reads: false, OrdinaryWindow, () => () => Many(() => Http2Frames.Frame(Http2Frames.Ping, 0, 0, new byte[8])));

    [Fact]
    public Task Data_that_is_empty() => Flood("empty data", reads: true, OrdinaryWindow, () =>
    {
        var isFirst = true;
        return () =>
        {
            var opening = isFirst ? Http2Frames.Frame(Http2Frames.Headers, Http2Frames.EndHeaders, 1, Http2Frames.CallHeaders("/etcdserverpb.Watch/Watch")) : [];
            isFirst = false;
            return [.. opening, .. Many(() => Http2Frames.Frame(Http2Frames.Data, 0, 1, []))];
        };
    });

    [Fact]
    public Task Header_table_churn() => Flood("header table churn", reads: true, OrdinaryWindow, () =>
    {
        var next = new Streams();
        return () =>
        {
            var stream = next.Take();
            byte[] headers =
            [
                .. Http2Frames.CallHeaders("/etcdserverpb.Maintenance/Status"),
                .. Enumerable.Range(0, 100).SelectMany(i => Http2Frames.Header($"x{stream}-{i}", new string('v', 50), kept: true)),
            ];
            return Http2Frames.Frame(Http2Frames.Headers, Http2Frames.EndHeaders | Http2Frames.EndStream, stream, headers);
        };
    });

    /// <summary>Whoever takes no answer at all makes the server hold them: of each connection as many as it may have calls.</summary>
    [Fact]
    public Task Answers_that_find_no_window()
    {
        var request = new RangeRequest { Key = Large }.ToByteArray();
        byte[] message = [0, 0, 0, 0, (byte)request.Length, .. request];
        return Flood(
            "zero window",
            reads: true,
            window: 0,
            () =>
            {
                var next = new Streams();
                return () =>
                {
                    var stream = next.Take();
                    return
                    [
                        .. Http2Frames.Frame(Http2Frames.Headers, Http2Frames.EndHeaders, stream, Http2Frames.CallHeaders("/etcdserverpb.KV/Range")),
                        .. Http2Frames.Frame(Http2Frames.Data, Http2Frames.EndStream, stream, message),
                    ];
                };
            },
            "--max-concurrent-streams=200");
    }

    /// <param name="what">The name of the flood.</param>
    /// <param name="reads">Whether its clients take what the server sends.</param>
    /// <param name="window">How much the server may send on a stream.</param>
    /// <param name="connection">What comes next on a connection, over and over.</param>
    /// <param name="flags">Of the server.</param>
    private async Task Flood(string what, bool reads, int window, Func<Func<byte[]>> connection, params string[] flags)
    {
        await _server.Start(flags);
        await new KV.KVClient(_server.Server.Channel).PutAsync(new PutRequest { Key = Large, Value = ByteString.CopyFrom(new byte[100_000]) }, cancellationToken: Stop);
        await _server.MustBeWell();
        ServerMemory.ForgetPeak(_server.Server);
        var before = ServerMemory.Resident(_server.Server);
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(Stop);
        ending.CancelAfter(FuzzRun.Duration);
        var floods = Enumerable.Range(0, Connections).Select(_ => Attack(reads, window, connection, ending.Token)).ToArray();
        var (asked, slowest) = (0, TimeSpan.Zero);
        while (!ending.IsCancellationRequested)
        {
            var start = Stopwatch.GetTimestamp();
            await _server.MustBeWell();
            var took = Stopwatch.GetElapsedTime(start);
            (asked, slowest) = (asked + 1, took > slowest ? took : slowest);
        }

        var sent = (await Task.WhenAll(floods)).Sum();
        var growth = ServerMemory.Peak(_server.Server) - before;
        TestContext.Current.TestOutputHelper!.WriteLine(
            $"{what}: {sent} writes, {asked} rounds of ordinary calls beside them, the slowest {slowest.TotalMilliseconds:F0} ms; {before >> 20} MiB before, {growth >> 20} more at the peak");
        Assert.True(sent > 0, "nothing was sent");
        Assert.True(asked > 0, "nobody else was served");
        Assert.True(growth < MaxGrowth, $"the server took {growth >> 20} MiB more");
        await Eventually.Holds(
            $"its memory is back near {before >> 20} MiB",
            () => Task.FromResult(ServerMemory.Resident(_server.Server) < before + MaxLeft),
            Generous,
            Stop);
        await _server.MustBeWell();
    }

    // A connection that the server closes is followed by the next one.
    private async Task<long> Attack(bool reads, int window, Func<Func<byte[]>> connection, CancellationToken ending)
    {
        var sent = 0L;
        while (!ending.IsCancellationRequested)
        {
            try
            {
                using var client = await RawConnection.Connect(IPEndPoint.Parse(_server.Server.Endpoint), ending);
                var reading = reads ? client.ReadToEnd(ending) : Task.CompletedTask;
                sent += await client.Flood(Http2Frames.Beginning(window), connection(), ending);
                client.Dispose();
                await reading;
            }
            catch (Exception exception) when (exception is IOException or InvalidOperationException or OperationCanceledException or System.Net.Sockets.SocketException)
            {
                // It was closed at once, or the time is over.
            }
        }

        return sent;
    }

    private static byte[] Many(Func<byte[]> frame) => [.. Enumerable.Range(0, FramesAtOnce).SelectMany(_ => frame())];

    /// <summary>The streams of a connection that a client may open, one after the other.</summary>
    private sealed class Streams
    {
        private int _next = 1;

        public int Take()
        {
            var stream = _next;
            _next += 2;
            return stream;
        }
    }
}
