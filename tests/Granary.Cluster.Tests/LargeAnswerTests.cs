using System.Collections.Concurrent;
using System.Diagnostics;
using Google.Protobuf;
using Grpc.Core;

namespace Granary.Cluster.Tests;

/// <summary>Many large answers at once: they share a bounded memory, delay no small one, and the memory goes back to the system.</summary>
public sealed class LargeAnswerTests
{
    private const int Values = 50;
    private const int ValueBytes = 1_000_000;
    private const int Callers = 60;
    private const long Budget = 256 << 20;

    // An answer that has begun is finished, and what is done is garbage for a while: together far below what all of them would take.
    // The more so the less the collector gets of the processors.
    private const long Begun = 1280L << 20;

    private static readonly TimeSpan Generous = TimeSpan.FromSeconds(120);

    // The answers are counted, not made into objects: this process is not the one to measure.
    private static readonly Marshaller<Size> Counted = new(
        static (_, _) => throw new NotSupportedException(), static context => new Size(context.PayloadAsReadOnlySequence().Length));

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private static RangeRequest Everything => new() { Key = ByteString.CopyFrom(0), RangeEnd = ByteString.CopyFrom(0) };

    [Fact]
    public async Task Large_ranges_share_a_bounded_memory_and_give_it_back_and_small_ones_do_not_wait_for_them()
    {
        var request = Everything;
        await MustBeBounded(Method("etcdserverpb.KV", "Range", request), request);
    }

    [Fact]
    public async Task Large_txns_share_a_bounded_memory_and_give_it_back_and_small_ones_do_not_wait_for_them()
    {
        var request = new TxnRequest { Success = { new RequestOp { RequestRange = Everything } } };
        await MustBeBounded(Method("etcdserverpb.KV", "Txn", request), request);
    }

    [Fact]
    public async Task Large_txns_that_write_share_a_bounded_memory_and_give_it_back_and_small_ones_do_not_wait_for_them()
    {
        var request = new TxnRequest
        {
            Success =
            {
                new RequestOp { RequestPut = new PutRequest { Key = ByteString.CopyFromUtf8("written") } },
                new RequestOp { RequestRange = Everything },
            },
        };
        await MustBeBounded(Method("etcdserverpb.KV", "Txn", request), request);
    }

    [Fact]
    public Task Large_answers_in_JSON_share_a_bounded_memory_and_give_it_back_and_small_ones_do_not_wait_for_them() => MustBeBounded(async server =>
    {
        using var http = new HttpClient();
        using var body = new StringContent("""{"key":"AA==","range_end":"AA=="}""");
        using var request = new HttpRequestMessage(HttpMethod.Post, server.Address + "/v3/kv/range") { Content = body };
        using var answer = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, Stop);
        await using var read = await answer.EnsureSuccessStatusCode().Content.ReadAsStreamAsync(Stop);
        var bytes = 0L;
        var buffer = new byte[1 << 16];
        for (int more; (more = await read.ReadAsync(buffer, Stop)) > 0;)
        {
            bytes += more;
        }

        return bytes;
    });

    [Fact]
    public async Task A_write_whose_answer_finds_no_room_within_its_deadline_writes_nothing()
    {
        await using var server = await Server.Start(Product.Granary, Stop, "--engine=memory", "--answer-memory-bytes=1048576");
        await Fill(server);
        var kv = new KV.KVClient(server.Channel);
        var written = new PutRequest { Key = ByteString.CopyFromUtf8("written") };
        var txn = new TxnRequest { Success = { new RequestOp { RequestPut = written }, new RequestOp { RequestRange = Everything } } };
        var delete = new DeleteRangeRequest { Key = ByteString.CopyFrom(0), RangeEnd = ByteString.CopyFrom(0), PrevKv = true };
        using (await TakeTheBudget(server))
        {
            var soon = DateTime.UtcNow.AddMilliseconds(300);
            var writes = new[] { kv.TxnAsync(txn, deadline: soon, cancellationToken: Stop).ResponseAsync, (Task)kv.DeleteRangeAsync(delete, deadline: soon, cancellationToken: Stop).ResponseAsync };
            foreach (var write in writes)
            {
                Assert.Equal(StatusCode.DeadlineExceeded, (await Assert.ThrowsAsync<RpcException>(() => write)).StatusCode);
            }

            await Eventually.Holds("nobody waits", async () => await Metric(server, "granary_answers_waiting") == 0, Generous, Stop);
            Assert.Equal(0, (await kv.RangeAsync(new RangeRequest { Key = written.Key }, cancellationToken: Stop)).Count);
            Assert.Equal(Values, (await kv.RangeAsync(new RangeRequest { Key = Key(0), RangeEnd = ByteString.CopyFromUtf8("l"), CountOnly = true }, cancellationToken: Stop)).Count);
        }

        var answer = await kv.TxnAsync(txn, cancellationToken: Stop);
        Assert.Equal(Values + 1, answer.Responses[1].ResponseRange.Count);
        var deleted = await kv.DeleteRangeAsync(delete, cancellationToken: Stop);
        Assert.Equal((Values + 1, answer.Header.Revision + 1), (deleted.PrevKvs.Count, deleted.Header.Revision));
        await Eventually.Holds("all is given back", async () => await Metric(server, "granary_answers_memory_bytes") == 0, Generous, Stop);
    }

    [Fact]
    public async Task An_answer_that_finds_no_room_within_its_deadline_is_given_up_and_takes_none()
    {
        await using var server = await Server.Start(Product.Granary, Stop, "--engine=memory", "--answer-memory-bytes=1048576");
        await Fill(server);
        var kv = new KV.KVClient(server.Channel);

        using (await TakeTheBudget(server))
        {
            var late = await Assert.ThrowsAsync<RpcException>(
                async () => await kv.RangeAsync(Everything, deadline: DateTime.UtcNow.AddMilliseconds(300), cancellationToken: Stop));
            Assert.Equal(StatusCode.DeadlineExceeded, late.StatusCode);
            await Eventually.Holds("nobody waits", async () => await Metric(server, "granary_answers_waiting") == 0, Generous, Stop);
            Assert.Equal(1, (await kv.RangeAsync(new RangeRequest { Key = Key(0) }, cancellationToken: Stop)).Count);
        }

        // The slow client has left.
        Assert.Equal(Values, (await kv.RangeAsync(Everything, cancellationToken: Stop)).Count);
        await Eventually.Holds("all is given back", async () => await Metric(server, "granary_answers_memory_bytes") == 0, Generous, Stop);
    }

    /// <summary>Asks for everything, and does not read it until what is returned is disposed: that takes all there is.</summary>
    private static async Task<IDisposable> TakeTheBudget(Server server)
    {
        var slow = Channels.RawHttp2(server.Address);
        using var request = new HttpRequestMessage(HttpMethod.Post, server.Address + "/etcdserverpb.KV/Range")
        {
            Version = new Version(2, 0),
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = new ByteArrayContent([0, 0, 0, 0, (byte)Everything.CalculateSize(), .. Everything.ToByteArray()]),
            Headers = { { "te", "trailers" } },
        };
        request.Content.Headers.ContentType = new("application/grpc");
        var answer = await slow.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, Stop);
        await Eventually.Holds("the budget is taken", async () => await Metric(server, "granary_answers_memory_bytes") > 0, Generous, Stop);
        return new Unread(slow, answer);
    }

    private static Task MustBeBounded<T>(Method<T, Size> method, T request)
        where T : class => MustBeBounded(async server =>
        {
            using var channel = Channels.To(server.Address);
            return (await channel.CreateCallInvoker().AsyncUnaryCall(method, null, new CallOptions(cancellationToken: Stop), request)).Bytes;
        });

    private static async Task MustBeBounded(Func<Server, Task<long>> call)
    {
        await using var server = await Server.Start(Product.Granary, Stop, $"--answer-memory-bytes={Budget}");
        await Fill(server);
        var idle = ServerMemory.Resident(server);
        ServerMemory.ForgetPeak(server);
        var start = Stopwatch.GetTimestamp();
        var large = Task.WhenAll(Enumerable.Range(0, Callers).Select(_ => call(server)));
        var kv = new KV.KVClient(server.Channel);
        var small = new ConcurrentBag<TimeSpan>();
        while (!large.IsCompleted)
        {
            var begun = Stopwatch.GetTimestamp();
            Assert.Equal(1, (await kv.RangeAsync(new RangeRequest { Key = Key(0), KeysOnly = true }, cancellationToken: Stop)).Count);
            small.Add(Stopwatch.GetElapsedTime(begun));
        }

        Assert.All(await large, bytes => Assert.True(bytes > Values * ValueBytes));
        var took = Stopwatch.GetElapsedTime(start);
        var peak = ServerMemory.Peak(server);
        TestContext.Current.TestOutputHelper!.WriteLine(
            $"{Callers} answers in {took}, peak {(peak - idle) >> 20} MiB above {idle >> 20}; small answers: {small.Count}, the slowest {small.Max()}");
        Assert.True(peak < idle + Budget + Begun, $"peak {peak >> 20} MiB, idle {idle >> 20} MiB");
        Assert.True(small.Max() < took / 2, $"a small answer took {small.Max()} of {took}");
        await Eventually.Holds(
            "the memory is given back", () => Task.FromResult(ServerMemory.Resident(server) < idle + (128 << 20)), TimeSpan.FromSeconds(60), Stop);
    }

    private static async Task Fill(Server server)
    {
        var value = new byte[ValueBytes];
        for (var i = 0; i < Values; i++)
        {
            Random.Shared.NextBytes(value);
            await new KV.KVClient(server.Channel).PutAsync(new PutRequest { Key = Key(i), Value = ByteString.CopyFrom(value) }, cancellationToken: Stop);
        }
    }

    private static async Task<long> Metric(Server server, string name) => long.Parse(
        (await PlainHttp.Get(server.Address + "/metrics", Stop)).Split('\n').Single(line => line.StartsWith(name, StringComparison.Ordinal)).Split(' ')[^1],
        System.Globalization.CultureInfo.InvariantCulture);

    private static Method<T, Size> Method<T>(string service, string name, T _)
        where T : IMessage<T> => new(
            MethodType.Unary, service, name, new Marshaller<T>(static message => message.ToByteArray(), static _ => throw new NotSupportedException()), Counted);

    private static ByteString Key(int number) => ByteString.CopyFromUtf8($"key-{number}");

    private sealed record Size(long Bytes);

    /// <summary>An answer that nobody reads, for as long as it is referred to.</summary>
    private sealed class Unread(HttpClient client, HttpResponseMessage answer) : IDisposable
    {
        public void Dispose()
        {
            answer.Dispose();
            client.Dispose();
        }
    }
}
