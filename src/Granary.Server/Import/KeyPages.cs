using System.Runtime.CompilerServices;
using Google.Protobuf;
using Granary.Mvcc.Keys;
using Granary.Protos;

namespace Granary.Server.Import;

/// <summary>All pairs of a server in key order, a page at a time, all of one revision.</summary>
internal static class KeyPages
{
    private const int PairsPerPage = 1000;

    private static readonly ByteString First = ByteString.CopyFrom(0);

    /// <summary>The revision the server is at, and how many keys it has.</summary>
    public static async Task<(long Revision, long Count)> Look(EtcdEndpoint server, CancellationToken cancellationToken)
    {
        var answer = await server.Kv.RangeAsync(
            new RangeRequest { Key = First, RangeEnd = First, CountOnly = true }, cancellationToken: cancellationToken);
        return (answer.Header.Revision, answer.Count);
    }

    public static async IAsyncEnumerable<KeyValue> Read(EtcdEndpoint server, long revision, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var from = First;
        while (true)
        {
            var page = await server.Kv.RangeAsync(
                new RangeRequest { Key = from, RangeEnd = First, Limit = PairsPerPage, Revision = revision }, cancellationToken: cancellationToken);
            foreach (var pair in page.Kvs)
            {
                yield return pair;
            }

            if (!page.More)
            {
                yield break;
            }

            from = KeyRange.Successor(page.Kvs[^1].Key);
        }
    }
}
