using Google.Protobuf;
using Grpc.Core;
using static Granary.Conformance.Tests.Requests;

namespace Granary.Conformance.Tests;

public sealed class SmallRequestPair() : Pair("--max-request-bytes", "10000");

/// <summary>Writes are bounded by --max-request-bytes as proposals, and every message by that and 512 KiB as a frame.</summary>
public sealed class RequestSizeTests(SmallRequestPair pair) : ConformanceTest(pair), IClassFixture<SmallRequestPair>
{
    private const int MaxRequestBytes = 10_000;
    private const int MaxFrameBytes = MaxRequestBytes + (512 * 1024);

    // etcd measures its own record of the request: 14 bytes of header and the request's field and length. One byte more or less
    // depends on the id it gives the request, hence the gap between what is taken and what is refused.
    [Theory]
    [InlineData(9979, true)]
    [InlineData(9984, false)]
    [InlineData(MaxRequestBytes, false)]
    [InlineData(MaxRequestBytes * 10, false)]
    public async Task A_put_counts_with_key_value_and_some_overhead(int bytes, bool allowed)
    {
        await Check(allowed, new PutRequest { Key = Filled(bytes) });
        await Check(allowed, new PutRequest { Key = Bytes("k"), Value = Filled(bytes - 3) });
        await Same(Everything());
    }

    [Fact]
    public async Task A_delete_and_a_compared_key_count_too()
    {
        await Check(true, new DeleteRangeRequest { Key = Filled(MaxRequestBytes - 40) });
        await Check(false, new DeleteRangeRequest { Key = Filled(MaxRequestBytes) });
        await Check(false, new DeleteRangeRequest { Key = Bytes("a"), RangeEnd = Filled(MaxRequestBytes) });
        await Check(false, Txn(when: [new Compare { Key = Filled(MaxRequestBytes) }], then: [Put("a")]));
    }

    [Fact]
    public async Task A_txn_counts_as_a_whole_with_both_branches()
    {
        IMessage[] half = [new PutRequest { Key = Bytes("a"), Value = Filled(MaxRequestBytes / 2) }];
        IMessage[] otherHalf = [new PutRequest { Key = Bytes("b"), Value = Filled(MaxRequestBytes / 2) }];
        await Check(true, Txn(then: half));
        await Check(false, Txn(then: [.. half, .. otherHalf]));
        await Check(false, Txn(then: half, otherwise: otherHalf));
        await Check(false, Txn(then: half, otherwise: [new RangeRequest { Key = Filled(MaxRequestBytes / 2) }]));
        await Check(false, Txn(then: [Txn(then: half), Txn(otherwise: otherHalf)]));
    }

    [Fact]
    public async Task A_bad_shape_is_noticed_before_the_size_and_the_size_before_what_the_store_knows()
    {
        var large = Filled(MaxRequestBytes);
        await SameError(Expected.EmptyKey, new PutRequest { Value = large });
        await SameError(Expected.ValueProvided, new PutRequest { Key = Bytes("a"), Value = large, IgnoreValue = true });
        await SameError(Expected.RequestTooLarge, new PutRequest { Key = Bytes("a"), Value = large, Lease = 5 });
        await SameError(Expected.RequestTooLarge, new PutRequest { Key = Bytes("a"), Value = large, IgnoreLease = true });
        await SameError(Expected.DuplicateKey, Txn(then: [new PutRequest { Key = Bytes("a"), Value = large }, Put("a")]));
    }

    [Fact]
    public async Task Reads_are_bounded_by_the_frame_alone()
    {
        Assert.Equal(0, (await Same(new RangeRequest { Key = Filled(MaxRequestBytes * 2) })).Count);
        await Same(Framed(MaxFrameBytes));
    }

    [Theory]
    [InlineData(MaxFrameBytes + 1)]
    [InlineData(MaxFrameBytes * 3)]
    public async Task A_frame_over_the_limit_is_refused_by_its_length(int bytes)
    {
        var (etcd, subject) = await Pair.Ask(Framed(bytes), Cancellation);
        Assert.Equal($"grpc: received message larger than max ({bytes} vs. {MaxFrameBytes})", etcd.Text);

        // The code alone: the gRPC library of Granary has words of its own, and clients look at the code.
        Assert.Equal(StatusCode.ResourceExhausted, subject.Code);
        await Same(Put("still", "served"));
    }

    [Fact]
    public async Task An_answer_may_be_larger_than_any_request()
    {
        for (var i = 0; i < 120; i++)
        {
            await Same(new PutRequest { Key = Bytes($"k{i:000}"), Value = Filled(9_000) });
        }

        Assert.True((await Same(Everything())).CalculateSize() > MaxFrameBytes);
    }

    [Fact]
    public async Task A_txn_that_only_reads_is_no_proposal_and_bounded_by_the_frame_alone()
    {
        var large = Filled(MaxRequestBytes * 2);
        await Same(Txn(then: [new RangeRequest { Key = large }]));
        await Same(Txn(when: [new Compare { Key = large }], then: [Range("a")], otherwise: [Range("b")]));
        await Same(Txn(when: [new Compare { Key = large }]));

        // A delete or a nested txn, in the branch not taken too, makes it one.
        await Check(false, Txn(then: [new RangeRequest { Key = large }], otherwise: [Delete("a")]));
        await Check(false, Txn(then: [new RangeRequest { Key = large }, Txn()]));
    }

    // A key so long that the whole message, its tag and its length with it, has just these bytes.
    private static RangeRequest Framed(int bytes)
    {
        var request = new RangeRequest { Key = Filled(bytes - 4) };
        Assert.Equal(bytes, request.CalculateSize());
        return request;
    }

    private static ByteString Filled(int bytes) => UnsafeByteOperations.UnsafeWrap(Enumerable.Repeat((byte)'x', bytes).ToArray());

    private async Task Check(bool allowed, IMessage request)
    {
        if (allowed)
        {
            Assert.NotNull((await SameAnswer(request)).Message);
        }
        else
        {
            await SameError(Expected.RequestTooLarge, request);
        }
    }
}
