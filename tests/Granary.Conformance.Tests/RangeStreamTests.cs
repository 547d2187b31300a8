using Grpc.Core;
using static Granary.Conformance.Tests.Requests;
using static Granary.Protos.RangeRequest.Types;

namespace Granary.Conformance.Tests;

/// <summary>RangeStream is new in etcd 3.7: what it streams is held against Granary's own Range.</summary>
public sealed class RangeStreamTests(DefaultPair pair) : ConformanceTest(pair), IClassFixture<DefaultPair>
{
    private KV.KVClient Kv => new(Pair.Subject.Calls);

    [Theory]
    [InlineData(0, false)]
    [InlineData(1, false)]
    [InlineData(10, true)]
    [InlineData(499, false)]
    [InlineData(500, false)]
    [InlineData(501, true)]
    public async Task The_chunks_joined_are_what_range_answers(long limit, bool keysOnly)
    {
        if (!Subject.IsGranary)
        {
            return;
        }

        for (var i = 0; i < 500; i++)
        {
            await Kv.PutAsync(Put($"k{i:D4}", new string('v', i)), cancellationToken: Cancellation);
        }

        var request = Range("k", "l", limit: limit, keysOnly: keysOnly);
        var chunks = await Chunks(request);
        var whole = await Kv.RangeAsync(request, cancellationToken: Cancellation);
        var last = chunks[^1];
        Assert.All(chunks.SkipLast(1), chunk => Assert.True(chunk.Header is null && !chunk.More && chunk.Count == 0 && chunk.Kvs.Count > 0));
        Assert.Equal(whole.Kvs, chunks.SelectMany(chunk => chunk.Kvs));
        Assert.Equal((whole.Header, whole.More, whole.Count), (last.Header, last.More, last.Count));
        Assert.True(limit is > 0 and <= 10 || chunks.Count > 1);
    }

    [Fact]
    public async Task An_empty_range_and_a_count_are_one_chunk()
    {
        if (!Subject.IsGranary)
        {
            return;
        }

        await Kv.PutAsync(Put("a"), cancellationToken: Cancellation);
        Assert.Empty(Assert.Single(await Chunks(Range("x", "y"))).Kvs);
        var counted = Assert.Single(await Chunks(Range("\0", "\0", countOnly: true)));
        Assert.Equal((1, 0), (counted.Count, counted.Kvs.Count));
        Assert.NotEqual(0, counted.Header.Revision);
        Assert.Equal("a", Assert.Single(Assert.Single(await Chunks(Range("a"))).Kvs).Key.ToStringUtf8());
    }

    [Fact]
    public async Task Orders_and_filters_that_it_cannot_stream_are_unimplemented()
    {
        if (!Subject.IsGranary)
        {
            return;
        }

        foreach (var (request, text) in ((RangeRequest, string)[])
        [
            (Range("a", "b", order: SortOrder.Descend), "RangeStream does not support custom sort orders"),
            (Range("a", "b", order: SortOrder.Ascend, target: SortTarget.Mod), "RangeStream does not support custom sort orders"),
            (Range("a", "b", minMod: 1), "RangeStream does not support revision filters"),
            (Range("a", "b", maxCreate: 1), "RangeStream does not support revision filters"),
        ])
        {
            var error = await Assert.ThrowsAsync<RpcException>(() => Chunks(request));
            Assert.Equal((StatusCode.Unimplemented, text), (error.StatusCode, error.Status.Detail));
        }

        var empty = await Assert.ThrowsAsync<RpcException>(() => Chunks(Range("", "b")));
        Assert.Equal((StatusCode.InvalidArgument, "etcdserver: key is not provided"), (empty.StatusCode, empty.Status.Detail));
        Assert.Single(await Chunks(Range("a", "b", order: SortOrder.Ascend)));
        Assert.Single(await Chunks(Range("a", "b", target: SortTarget.Value)));
    }

    [Fact]
    public async Task Revisions_that_cannot_be_read_are_refused_before_the_first_chunk()
    {
        if (!Subject.IsGranary)
        {
            return;
        }

        await Kv.PutAsync(Put("a", "1"), cancellationToken: Cancellation);
        await Kv.PutAsync(Put("a", "2"), cancellationToken: Cancellation);
        foreach (var (revision, expected) in new[] { (Start + 3, Expected.FutureRevision), (Start - 1, Expected.Compacted) })
        {
            foreach (var request in new[] { Range("a", revision: revision), Range("x", "y", revision: revision), Range("a", "z", revision: revision, countOnly: true) })
            {
                var error = await Assert.ThrowsAsync<RpcException>(() => Chunks(request));
                Assert.Equal((expected.Code, expected.Text), (error.StatusCode, error.Status.Detail));
            }
        }
    }

    [Fact]
    public async Task An_old_revision_is_streamed_as_it_was_under_the_current_header()
    {
        if (!Subject.IsGranary)
        {
            return;
        }

        await Kv.PutAsync(Put("a", "1"), cancellationToken: Cancellation);
        await Kv.DeleteRangeAsync(Delete("a"), cancellationToken: Cancellation);
        for (var revision = Start; revision <= Start + 2; revision++)
        {
            foreach (var serializable in new[] { false, true })
            {
                var request = Range("\0", "\0", revision: revision, serializable: serializable);
                var chunk = Assert.Single(await Chunks(request));
                Assert.Equal(await Kv.RangeAsync(request, cancellationToken: Cancellation), chunk);
            }
        }
    }

    [Fact]
    public async Task What_is_written_while_a_stream_is_read_is_not_in_it()
    {
        if (!Subject.IsGranary)
        {
            return;
        }

        // More than fits into the windows between server and client: the server reads on only while the client does.
        var value = new string('v', 100_000);
        for (var i = 0; i < 300; i++)
        {
            await Kv.PutAsync(Put($"k{i:D3}", value), cancellationToken: Cancellation);
        }

        using var call = Kv.RangeStream(Range("k", "l"), cancellationToken: Cancellation);
        Assert.True(await call.ResponseStream.MoveNext(Cancellation));
        var keys = call.ResponseStream.Current.RangeResponse.Kvs.Count;
        await Kv.DeleteRangeAsync(Delete("k", "l"), cancellationToken: Cancellation);
        await Kv.PutAsync(Put("k", "later"), cancellationToken: Cancellation);
        var last = call.ResponseStream.Current.RangeResponse;
        while (await call.ResponseStream.MoveNext(Cancellation))
        {
            last = call.ResponseStream.Current.RangeResponse;
            keys += last.Kvs.Count;
            Assert.All(last.Kvs, kv => Assert.Equal(value.Length, kv.Value.Length));
        }

        Assert.Equal((300, 300, Start + 300), (keys, last.Count, last.Header.Revision));
    }

    [Fact]
    public async Task Etcd_before_it_had_this_says_so_at_once()
    {
        // Not about Granary: what clients fall back on, and that the pair's etcd is none to compare streams with.
        var error = await Assert.ThrowsAsync<RpcException>(async () =>
        {
            using var call = new KV.KVClient(Pair.Etcd.Calls).RangeStream(Range("a"), cancellationToken: Cancellation);
            await call.ResponseStream.MoveNext(Cancellation);
        });
        Assert.Equal(
            (StatusCode.Unimplemented, "unknown method RangeStream for service etcdserverpb.KV"), (error.StatusCode, error.Status.Detail));
    }

    private async Task<List<RangeResponse>> Chunks(RangeRequest request)
    {
        using var call = Kv.RangeStream(request, cancellationToken: Cancellation);
        var chunks = new List<RangeResponse>();
        await foreach (var chunk in call.ResponseStream.ReadAllAsync(Cancellation))
        {
            chunks.Add(chunk.RangeResponse);
        }

        return chunks;
    }
}
