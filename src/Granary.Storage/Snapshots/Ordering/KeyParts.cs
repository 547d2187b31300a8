using Granary.Storage.Replicas;
using Granary.Storage.Stores;

namespace Granary.Storage.Snapshots.Ordering;

/// <summary>Cuts all keys into parts whose pairs, superseded ones included, take about as long to read.</summary>
internal static class KeyParts
{
    /// <summary>The keys at which the parts after the first begin, ascending: fewer than <paramref name="parts"/>, none in a small store.</summary>
    public static List<byte[]> Cut(IStoreSnapshot snapshot, int parts)
    {
        List<StorePiece> pieces =
        [
            .. snapshot.Pieces(Family.Latest),
            .. snapshot.Pieces(Family.History).Select(static piece => piece with { LastKey = HistoryKey.Key(piece.LastKey) }),
        ];
        pieces.Sort(static (x, y) => x.LastKey.AsSpan().SequenceCompareTo(y.LastKey));
        var total = pieces.Sum(static piece => piece.Bytes);
        var cuts = new List<byte[]>();
        var before = 0L;
        foreach (var piece in pieces)
        {
            before += piece.Bytes;
            if (cuts.Count + 1 < parts && before >= total * (cuts.Count + 1) / parts && before < total
                && (cuts.Count == 0 || piece.LastKey.AsSpan().SequenceCompareTo(cuts[^1]) > 0))
            {
                cuts.Add(piece.LastKey);
            }
        }

        return cuts;
    }
}
