using Grpc.Core;
using static Granary.Conformance.Tests.Requests;
using static Granary.Protos.RangeRequest.Types;

namespace Granary.Conformance.Tests;

/// <summary>RangeStream is new in etcd 3.7: what it streams is held against Granary's own Range.</summary>
public sealed class RangeStreamTests(DefaultPair pair) : ConformanceTest(pair), IClassFixture<DefaultPair>
{
    private KV.KVClient Kv => new(Pair.Subject.Channel);

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
