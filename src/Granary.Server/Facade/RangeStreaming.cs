using Google.Protobuf;
using Granary.Mvcc.Auth;
using Granary.Mvcc.Keys;
using Granary.Protos;
using Granary.Server.Configuration;
using Grpc.Core;

namespace Granary.Server.Facade;

/// <summary>
/// Answers one RangeStream in chunks of one revision, sized by bytes: small first, so that the first pair is there soon.
/// Only the last chunk has header, count and more.
/// </summary>
internal sealed class RangeStreaming(GrainRouter router, Member member, ServerOptions options)
{
    private const int FirstChunkPairs = 10;

    public async Task Run(RangeRequest request, Caller caller, IServerStreamWriter<RangeStreamResponse> target, CancellationToken cancellationToken)
    {
        if (request.CountOnly)
        {
            var counted = await router.Reader(request.Key).Range(request, caller, share: null, cancellationToken);
            await Send(target, counted!, counted!.Header.Revision, cancellationToken);
            return;
        }

        var pinned = request.Clone();
        var from = request.Key;
        var left = request.Limit > 0 ? request.Limit : long.MaxValue;
        var pairs = FirstChunkPairs;
        long sent = 0;
        long storeRevision = 0;
        while (true)
        {
            var chunk = await router.Reader(from).ReadChunk(pinned, caller, from, (int)Math.Min(pairs, left), cancellationToken);
            if (storeRevision == 0)
            {
                storeRevision = chunk.StoreRevision;
                pinned.Revision = chunk.Revision;
            }

            var part = chunk.Part;
            sent += part.Kvs.Count;
            left -= part.Kvs.Count;
            if (chunk.IsLast || left == 0)
            {
                part.More = !chunk.IsLast;
                part.Count = chunk.IsLast ? sent : sent + await CountBehind(pinned, caller, part.Kvs[^1].Key, cancellationToken);
                await Send(target, part, storeRevision, cancellationToken);
                return;
            }

            from = KeyRange.Successor(part.Kvs[^1].Key);
            pairs = NextChunkPairs(pairs, part.CalculateSize());
            await target.WriteAsync(new RangeStreamResponse { RangeResponse = part }, cancellationToken);
        }
    }

    private int NextChunkPairs(int pairs, int bytes) =>
        bytes < options.MaxRequestBytes / 2 ? Math.Min(pairs * 2, 1 << 20)
        : bytes > options.MaxRequestBytes * 2 ? Math.Max(pairs / 2, 1)
        : pairs;

    private async Task<long> CountBehind(RangeRequest pinned, Caller caller, ByteString last, CancellationToken cancellationToken)
    {
        var rest = pinned.Clone();
        rest.Key = KeyRange.Successor(last);
        rest.CountOnly = true;
        return (await router.Reader(rest.Key).Range(rest, caller, share: null, cancellationToken))!.Count;
    }

    private Task Send(IServerStreamWriter<RangeStreamResponse> target, RangeResponse part, long revision, CancellationToken cancellationToken)
    {
        part.Header = member.Complete(new ResponseHeader { Revision = revision });
        return target.WriteAsync(new RangeStreamResponse { RangeResponse = part }, cancellationToken);
    }
}
