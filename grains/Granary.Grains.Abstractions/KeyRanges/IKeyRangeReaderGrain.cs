using Google.Protobuf;
using Granary.Protos;

namespace Granary.Grains.KeyRanges;

/// <summary>Reads from this silo's replica; any number of activations, each always local. Its key is the range's id.</summary>
[Alias("Granary.IKeyRangeReaderGrain")]
public interface IKeyRangeReaderGrain : IGrainWithIntegerKey
{
    [Alias("Range")]
    ValueTask<RangeResponse> Range(RangeRequest request, CancellationToken cancellationToken);

    /// <summary>The next pairs of a range in key order, at the revision that the request names.</summary>
    /// <param name="request">Key, end, revision and keys_only are used.</param>
    /// <param name="from">The first key to look at; inside the range.</param>
    /// <param name="maxPairs">At most so many pairs.</param>
    /// <param name="cancellationToken">Leaves the scan.</param>
    [Alias("ReadChunk")]
    ValueTask<RangeChunk> ReadChunk(RangeRequest request, ByteString from, int maxPairs, CancellationToken cancellationToken);

    /// <summary>A txn whose operations are all ranges, from one state.</summary>
    [Alias("Txn")]
    ValueTask<TxnResponse> Txn(TxnRequest request, CancellationToken cancellationToken);
}
