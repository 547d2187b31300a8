using Google.Protobuf;
using Granary.Grains.KeyRanges;
using Granary.Log.Commits;
using Granary.Mvcc.Auth;
using Granary.Mvcc.Keys;
using Granary.Protos;

namespace Granary.Server.Facade;

/// <summary>Requests of the KV service on their way to the grains that serve them, and their answers complete. Shapes are checked before.</summary>
internal sealed class Keyspace(GrainRouter router, Leading leading, Member member)
{
    /// <summary>A range whose answer is known to be small.</summary>
    public Task<RangeResponse> Range(RangeRequest request, Caller caller, CancellationToken cancellationToken) =>
        Range(request, caller, share: null, cancellationToken);

    /// <param name="request">Checked before.</param>
    /// <param name="caller">On whose behalf.</param>
    /// <param name="share">Of an answer that may be large.</param>
    /// <param name="cancellationToken">Of the call.</param>
    public async Task<RangeResponse> Range(RangeRequest request, Caller caller, AnswerShare? share, CancellationToken cancellationToken)
    {
        if (!request.Serializable)
        {
            await leading.Prove(cancellationToken);
        }

        var reader = router.Reader(request.Key);
        var response = await reader.Range(request, caller, share, cancellationToken);
        if (response is null)
        {
            await share!.Take(cancellationToken);
            response = (await reader.Range(request, caller, share, cancellationToken))!;
        }

        member.Complete(response.Header);
        return response;
    }

    /// <summary>The keys that are attached to a lease.</summary>
    public async Task<IReadOnlyList<ByteString>> AttachedKeys(long lease, Caller caller, AnswerShare share, CancellationToken cancellationToken)
    {
        await leading.Prove(cancellationToken);
        var reader = router.Reader(KeyRange.All.Start);
        var keys = await reader.AttachedKeys(lease, caller, share, cancellationToken);
        if (keys is null)
        {
            await share.Take(cancellationToken);
            keys = (await reader.AttachedKeys(lease, caller, share, cancellationToken))!;
        }

        return keys;
    }

    public async Task<PutResponse> Put(PutRequest request, Caller caller, CancellationToken cancellationToken)
    {
        var leader = await leading.Reach(cancellationToken);
        var response = await leading.Written(leader, router.Writer(leader, request.Key).Put(request, caller, cancellationToken));
        await leading.SeenRevision(leader, response.Header.Revision, cancellationToken);
        member.Complete(response.Header);
        return response;
    }

    /// <summary>A deletion whose answer is known to be small.</summary>
    public Task<DeleteRangeResponse> DeleteRange(DeleteRangeRequest request, Caller caller, CancellationToken cancellationToken) =>
        DeleteRange(request, caller, share: null, cancellationToken);

    /// <inheritdoc cref="Range(RangeRequest, Caller, AnswerShare?, CancellationToken)"/>
    public Task<DeleteRangeResponse> DeleteRange(DeleteRangeRequest request, Caller caller, AnswerShare? share, CancellationToken cancellationToken) =>
        Write(
            (leader, share) => router.SoleWriter(leader, RangesTouched.By(request, router.Map)) is { } range
                ? range.DeleteRange(request, caller, share, cancellationToken)
                : router.Keyspace(leader).DeleteRange(request, caller, share, cancellationToken),
            static response => response.Header,
            share,
            cancellationToken);

    /// <summary>A txn whose answer is known to be small.</summary>
    public Task<TxnResponse> Txn(TxnRequest request, Caller caller, CancellationToken cancellationToken) =>
        Txn(request, caller, share: null, cancellationToken);

    /// <inheritdoc cref="Range(RangeRequest, Caller, AnswerShare?, CancellationToken)"/>
    public async Task<TxnResponse> Txn(TxnRequest request, Caller caller, AnswerShare? share, CancellationToken cancellationToken)
    {
        if (!IsReadOnly(request))
        {
            return await Write(request, caller, share, cancellationToken);
        }

        if (!IsSerializable(request))
        {
            await leading.Prove(cancellationToken);
        }

        var reader = router.Reader(FirstKey(request));
        var response = await reader.Txn(request, caller, share, cancellationToken);
        if (response is null)
        {
            await share!.Take(cancellationToken);
            response = (await reader.Txn(request, caller, share, cancellationToken))!;
        }

        member.Complete(response.Header);
        return response;
    }

    public async Task<CompactionResponse> Compact(CompactionRequest request, Caller caller, CancellationToken cancellationToken)
    {
        var leader = await leading.Reach(cancellationToken);
        var response = await leading.Written(leader, router.Keyspace(leader).Compact(request, caller, cancellationToken));
        await leading.SeenRevision(leader, response.Header.Revision, cancellationToken);
        member.Complete(response.Header);
        return response;
    }

    /// <summary>Whether every operation of both branches is a plain range; a nested txn makes it a write, even an idle one.</summary>
    public static bool IsReadOnly(TxnRequest request)
    {
        foreach (var op in request.Success)
        {
            if (op.RequestCase != RequestOp.RequestOneofCase.RequestRange)
            {
                return false;
            }
        }

        foreach (var op in request.Failure)
        {
            if (op.RequestCase != RequestOp.RequestOneofCase.RequestRange)
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Whether an operation answers with pairs, other than with the one that a put has replaced.</summary>
    public static bool Reads(TxnRequest request)
    {
        foreach (var op in request.Success)
        {
            if (Reads(op))
            {
                return true;
            }
        }

        foreach (var op in request.Failure)
        {
            if (Reads(op))
            {
                return true;
            }
        }

        return false;
    }

    private static bool Reads(RequestOp op) => op.RequestCase switch
    {
        RequestOp.RequestOneofCase.RequestRange => true,
        RequestOp.RequestOneofCase.RequestDeleteRange => op.RequestDeleteRange.PrevKv,
        RequestOp.RequestOneofCase.RequestTxn => Reads(op.RequestTxn),
        _ => false,
    };

    private Task<TxnResponse> Write(TxnRequest request, Caller caller, AnswerShare? share, CancellationToken cancellationToken) =>
        Write(
            (leader, share) => router.SoleWriter(leader, RangesTouched.By(request, router.Map)) is { } range
                ? range.Txn(request, caller, share, cancellationToken)
                : router.Keyspace(leader).Txn(request, caller, share, cancellationToken),
            static response => response.Header,
            share,
            cancellationToken);

    /// <summary>Writes what may have a large answer; as long as there is no room for that, nothing is written.</summary>
    private async Task<T> Write<T>(
        Func<Leader, AnswerShare?, ValueTask<T?>> write, Func<T, ResponseHeader> header, AnswerShare? share, CancellationToken cancellationToken)
        where T : class
    {
        while (true)
        {
            // A share is of this silo's memory, and means nothing to another.
            var leader = await leading.Reach(cancellationToken);
            if (await leading.Written(leader, write(leader, leader.IsOwn ? share : null)) is { } response)
            {
                await leading.SeenRevision(leader, header(response).Revision, cancellationToken);
                member.Complete(header(response));
                return response;
            }

            await share!.Take(cancellationToken);
        }
    }

    // Of one that only reads.
    private static bool IsSerializable(TxnRequest request) =>
        request.Success.All(static op => op.RequestRange.Serializable) && request.Failure.All(static op => op.RequestRange.Serializable);

    private static ByteString FirstKey(TxnRequest request) =>
        request.Compare.Count > 0 ? request.Compare[0].Key
        : request.Success.Count > 0 ? request.Success[0].RequestRange.Key
        : request.Failure.Count > 0 ? request.Failure[0].RequestRange.Key
        : KeyRange.All.Start;
}
