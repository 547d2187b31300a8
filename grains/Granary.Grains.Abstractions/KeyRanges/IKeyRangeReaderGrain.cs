using Google.Protobuf;
using Granary.Mvcc.Auth;
using Granary.Protos;

namespace Granary.Grains.KeyRanges;

/// <summary>Reads from this silo's replica; any number of activations, each always local. Its key is the range's id.</summary>
[Alias("Granary.IKeyRangeReaderGrain")]
public interface IKeyRangeReaderGrain : IGrainWithIntegerKey
{
    /// <summary>The answer; null when it is large and there is no room for it: to be asked for again when the share has been taken.</summary>
    /// <param name="request">Checked before.</param>
    /// <param name="caller">Who asks: must be allowed to read all of it.</param>
    /// <param name="share">Of an answer that may be large; without one it is not asked how large it is.</param>
    /// <param name="cancellationToken">Leaves the scan.</param>
    [Alias("Range")]
    ValueTask<RangeResponse?> Range(RangeRequest request, [Immutable] Caller caller, AnswerShare? share, CancellationToken cancellationToken);

    /// <summary>The next pairs of a range in key order, at the revision that the request names.</summary>
    /// <param name="request">Key, end, revision and keys_only are used.</param>
    /// <param name="caller">Who asks: must be allowed to read all of it, each time.</param>
    /// <param name="from">The first key to look at; inside the range.</param>
    /// <param name="maxPairs">At most so many pairs.</param>
    /// <param name="cancellationToken">Leaves the scan.</param>
    [Alias("ReadChunk")]
    ValueTask<RangeChunk> ReadChunk(RangeRequest request, [Immutable] Caller caller, ByteString from, int maxPairs, CancellationToken cancellationToken);

    /// <summary>A txn whose operations are all ranges, from one state. Its answer and its share are as those of <see cref="Range"/>.</summary>
    [Alias("Txn")]
    ValueTask<TxnResponse?> Txn(TxnRequest request, [Immutable] Caller caller, AnswerShare? share, CancellationToken cancellationToken);

    /// <summary>The keys that are attached to a lease, in their order. The answer and its share are as those of <see cref="Range"/>.</summary>
    [Alias("AttachedKeys")]
    ValueTask<IReadOnlyList<ByteString>?> AttachedKeys(long lease, [Immutable] Caller caller, AnswerShare? share, CancellationToken cancellationToken);
}
