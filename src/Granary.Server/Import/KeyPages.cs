using System.Runtime.CompilerServices;
using Google.Protobuf;
using Granary.Mvcc.Keys;
using Granary.Protos;

namespace Granary.Server.Import;

/// <summary>Reads all pairs of a server in key order, a page at a time: some MiB, however large or small the values are.</summary>
internal sealed class KeyPages(EtcdEndpoint server)
{
    private const int PageBytes = 2 << 20;
    private const int FirstPagePairs = 64;

    // A server may hold a whole page in memory before it sends any of it, and the values to come may be larger than those before.
    private const int MaxPairs = 10_000;
    private const int MinPairs = 4;

    private static readonly ByteString All = ByteString.CopyFrom(0);

    private int _limit = FirstPagePairs;

    // The largest value of late: what is large is often near what is large.
    private int _largest;

    private long _pairs;
    private long _bytes;

    /// <summary>The key at which the next page begins.</summary>
    public ByteString First { get; private set; } = All;

    public bool IsAtEnd { get; private set; }

    /// <summary>The revision the server is at, and how many keys it has.</summary>
    public static async Task<(long Revision, long Count)> Look(EtcdEndpoint server, CancellationToken cancellationToken)
    {
        var answer = await server.Kv.RangeAsync(
            new RangeRequest { Key = All, RangeEnd = All, CountOnly = true }, cancellationToken: cancellationToken);
        return (answer.Header.Revision, answer.Count);
    }

    /// <summary>All pairs of a revision.</summary>
    public static async IAsyncEnumerable<KeyValue> Read(EtcdEndpoint server, long revision, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        for (var pages = new KeyPages(server); !pages.IsAtEnd;)
        {
            foreach (var pair in await pages.Next(revision, cancellationToken))
            {
                yield return pair;
            }
        }
    }

    /// <summary>The next page, as of a revision. When this fails it can be asked for again, and is a smaller one then.</summary>
    public async Task<IReadOnlyList<KeyValue>> Next(long revision, CancellationToken cancellationToken)
    {
        var limit = _limit;
        _limit = Math.Max(MinPairs, limit / 4);
        var page = await server.Kv.RangeAsync(
            new RangeRequest { Key = First, RangeEnd = All, Limit = limit, Revision = revision }, cancellationToken: cancellationToken);
        IsAtEnd = !page.More;
        if (page.Kvs.Count > 0)
        {
            First = KeyRange.Successor(page.Kvs[^1].Key);
            Plan(page);
        }

        return page.Kvs;
    }

    /// <summary>Expects pairs as large as those of the page, or as all so far, and dares only twice as many at a time.</summary>
    private void Plan(RangeResponse page)
    {
        var bytes = page.CalculateSize();
        _pairs += page.Kvs.Count;
        _bytes += bytes;
        _largest = Math.Max(page.Kvs.Max(static pair => pair.Value.Length), _largest * 3 / 4);
        var expected = Math.Max(Math.Max(bytes / page.Kvs.Count, _bytes / _pairs), Math.Max(1, _largest / 8));
        _limit = (int)Math.Clamp(PageBytes / expected, MinPairs, Math.Clamp(2 * page.Kvs.Count, MinPairs, MaxPairs));
    }
}
