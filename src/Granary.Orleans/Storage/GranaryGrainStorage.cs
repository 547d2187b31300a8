using System.Globalization;
using Granary.Client;
using Microsoft.Extensions.Options;
using Orleans;
using Orleans.Configuration;
using Orleans.Runtime;
using Orleans.Serialization.Serializers;
using Orleans.Storage;

namespace Granary.Orleans.Storage;

/// <summary>
/// What grains keep: a state is the value of a key, its etag the revision of its last change. A state that is too large for one request is written in
/// pieces beforehand; one txn makes them the state, and until then they live by a lease, so that nothing stays of a write that was not finished.
/// </summary>
internal sealed class GranaryGrainStorage(
    string name, GranaryGrainStorageOptions options, IGranaryClient client, IOptions<ClusterOptions> cluster, IActivatorProvider activators) : IGrainStorage
{
    // A txn names all pieces, and a server writes what it names in one record of its log: Granary's takes 48 MiB at most.
    private const int MaxPieces = 32;

    private static readonly TimeSpan PiecesLive = TimeSpan.FromMinutes(1);

    private readonly string _prefix = $"orleans/{Uri.EscapeDataString(cluster.Value.ServiceId)}/storage/{Uri.EscapeDataString(name)}/";

    public Task ReadStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState) => ReadStateAsync(stateName, grainId, grainState, CancellationToken.None);

    public async Task ReadStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState, CancellationToken cancellationToken)
    {
        var keys = Keys(stateName, grainId);
        while (true)
        {
            var read = await client.Txn().Then(Op.Range(keys.State), Op.Range(keys.Pieces)).CommitAsync(cancellationToken);
            if (read.Results[0].Range!.KeyValues is not [var state])
            {
                (grainState.State, grainState.ETag, grainState.RecordExists) = (activators.GetActivator<T>().Create(), null, false);
                return;
            }

            try
            {
                var value = read.Results[1].Range!.KeyValues is [var pieces] ? await Join(Pieces.Parse(pieces.Value), read.Revision, cancellationToken) : state.Value.Memory;
                (grainState.State, grainState.ETag, grainState.RecordExists) = (options.GrainStorageSerializer.Deserialize<T>(new BinaryData(value)), ETags.Of(state.ModRevision), true);
                return;
            }
            catch (CompactedException)
            {
                // It was written anew meanwhile, and what it was is forgotten: it is read anew.
            }
        }
    }

    public Task WriteStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState) => WriteStateAsync(stateName, grainId, grainState, CancellationToken.None);

    public async Task WriteStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState, CancellationToken cancellationToken)
    {
        var keys = Keys(stateName, grainId);
        var value = options.GrainStorageSerializer.Serialize(grainState.State).ToMemory();
        var written = value.Length <= options.PieceBytes
            ? await Replace(keys, grainState.ETag, [Op.Put(keys.State, value)], isInPieces: false, cancellationToken)
            : await WriteInPieces(keys, grainState.ETag, value, cancellationToken);
        (grainState.ETag, grainState.RecordExists) = (ETags.Of(written), true);
    }

    public Task ClearStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState) => ClearStateAsync(stateName, grainId, grainState, CancellationToken.None);

    public async Task ClearStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState, CancellationToken cancellationToken)
    {
        var keys = Keys(stateName, grainId);
        await Replace(keys, grainState.ETag, [Op.Delete(keys.State)], isInPieces: false, cancellationToken);
        (grainState.State, grainState.ETag, grainState.RecordExists) = (activators.GetActivator<T>().Create(), null, false);
    }

    private async Task<long> WriteInPieces((string State, string Pieces) keys, string? etag, ReadOnlyMemory<byte> value, CancellationToken cancellationToken)
    {
        var count = (value.Length + options.PieceBytes - 1) / options.PieceBytes;
        if (count > MaxPieces)
        {
            throw new ArgumentException(
                $"The state of {keys.State} takes {value.Length} bytes: {MaxPieces} pieces of {nameof(GranaryGrainStorageOptions.PieceBytes)} ({options.PieceBytes}) are the most that is kept.");
        }

        var pieces = new Pieces(Guid.NewGuid(), value.Length);
        await using var lease = await client.GrantLeaseAsync(PiecesLive, cancellationToken);
        List<Operation> operations = [Op.Put(keys.State, default), Op.Put(keys.Pieces, pieces.ToString())];
        for (var i = 0; i < count; i++)
        {
            var key = string.Create(CultureInfo.InvariantCulture, $"{Prefix(pieces)}{i:000}");
            var piece = value.Slice(i * options.PieceBytes, Math.Min(options.PieceBytes, value.Length - (i * options.PieceBytes)));
            await client.PutAsync(key, piece, new PutOptions { LeaseId = lease.Id }, cancellationToken);

            // It stays as it is, but for the lease.
            operations.Add(Op.Put(key, default, new PutOptions { KeepValue = true }));
        }

        return await Replace(keys, etag, operations, isInPieces: true, cancellationToken);
    }

    // In one step: the state is what it was known to be, and is another one from then on. What the one before was kept in goes.
    private async Task<long> Replace((string State, string Pieces) keys, string? etag, List<Operation> operations, bool isInPieces, CancellationToken cancellationToken)
    {
        var before = await client.GetAsync(keys.Pieces, cancellationToken);
        if (before is not null)
        {
            operations.Add(Op.Delete(KeyRange.Prefix(Prefix(Pieces.Parse(before.Value)))));
            if (!isInPieces)
            {
                operations.Add(Op.Delete(keys.Pieces));
            }
        }

        var replaced = await client.Txn()
            .If(
                etag is null ? When.IsMissing(keys.State) : When.ModRevision(keys.State) == ETags.Revision(etag),
                When.ModRevision(keys.Pieces) == (before?.ModRevision ?? 0))
            .Then([.. operations])
            .Else(Op.Range(keys.State))
            .CommitAsync(cancellationToken);
        if (!replaced.HasSucceeded)
        {
            var stored = replaced.Results[0].Range!.KeyValues is [var state] ? ETags.Of(state.ModRevision) : null;
            throw new InconsistentStateException($"The state of {keys.State} was changed by somebody else.", stored, etag);
        }

        return replaced.Revision;
    }

    private async Task<ReadOnlyMemory<byte>> Join(Pieces pieces, long revision, CancellationToken cancellationToken)
    {
        using var joined = new MemoryStream(pieces.Bytes);
        await foreach (var piece in client.EnumerateAsync(KeyRange.Prefix(Prefix(pieces)), revision, pageSize: 1, cancellationToken))
        {
            joined.Write(piece.Value.Span);
        }

        return joined.Length == pieces.Bytes
            ? joined.GetBuffer().AsMemory(0, pieces.Bytes)
            : throw new InvalidOperationException($"Below {Prefix(pieces)} there are {joined.Length} bytes of a state of {pieces.Bytes}: somebody has changed them.");
    }

    private (string State, string Pieces) Keys(string stateName, GrainId grainId)
    {
        var key = $"{_prefix}{Uri.EscapeDataString(stateName)}/{grainId}";
        return ($"{key}/state", $"{key}/pieces");
    }

    private string Prefix(Pieces pieces) => $"{_prefix}pieces/{pieces.Id:N}/";

    /// <summary>The pieces of one state: where they are, and how many bytes they come to.</summary>
    private sealed record Pieces(Guid Id, int Bytes)
    {
        /// <exception cref="FormatException">It is none of ours.</exception>
        public static Pieces Parse(Bytes value) => value.ToString().Split(' ') is [var id, var bytes]
            ? new Pieces(Guid.Parse(id), int.Parse(bytes, CultureInfo.InvariantCulture))
            : throw new FormatException($"'{value}' does not say which pieces a state is kept in.");

        public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Id:N} {Bytes}");
    }
}
