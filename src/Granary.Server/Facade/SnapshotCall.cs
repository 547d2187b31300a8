using System.Security.Cryptography;
using Google.Protobuf;
using Granary.Protos;
using Granary.Server.Configuration;
using Granary.Storage.Replicas;
using Granary.Storage.Snapshots;
using Grpc.Core;

namespace Granary.Server.Facade;

/// <summary>
/// Answers one Snapshot: the current state as a database of etcd, in blobs, then the SHA-256 of them. The state is gathered first, one
/// call at a time, because that takes memory; then it goes out at the client's pace, holding but temporary files.
/// </summary>
internal sealed class SnapshotCall(Replica replica, ServerOptions options, CallErrors errors) : IDisposable
{
    private const int BlobBytes = 64 << 10;

    private readonly SemaphoreSlim _gathering = new(1);

    public async Task Run(IServerStreamWriter<SnapshotResponse> target, ServerCallContext context)
    {
        using var ends = errors.LeftOrStopped(context);
        try
        {
            using var export = await Gather(ends.Token);
            await Send(export, target, ends.Token);
        }
        catch (Exception exception)
        {
            throw await errors.Map(exception, context);
        }
    }

    public void Dispose() => _gathering.Dispose();

    private async Task<SnapshotExport> Gather(CancellationToken cancellationToken)
    {
        await _gathering.WaitAsync(cancellationToken);
        try
        {
            using var view = replica.View();
            var member = new SnapshotMember(view.State.MemberId, options.Name, options.InitialAdvertisePeerUrls, options.AdvertiseClientUrls);
            var directory = options.Engine == Engine.Memory ? Path.GetTempPath() : options.EffectiveDataDirectory;
            return await SnapshotExport.Gather(view, member, directory, cancellationToken);
        }
        finally
        {
            _gathering.Release();
        }
    }

    private static async Task Send(SnapshotExport export, IServerStreamWriter<SnapshotResponse> target, CancellationToken cancellationToken)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var left = export.Layout.SizeBytes;
        while (left > 0)
        {
            var blob = export.Read(BlobBytes);
            hash.AppendData(blob.Span);
            left -= blob.Length;
            await Send(blob, left);
        }

        await Send(hash.GetHashAndReset(), 0);

        // The message is on the wire, or copied, when this is done: the blob's memory is used again.
        Task Send(ReadOnlyMemory<byte> blob, long remaining) => target.WriteAsync(
            new SnapshotResponse
            {
                RemainingBytes = (ulong)remaining,
                Blob = UnsafeByteOperations.UnsafeWrap(blob),
                Version = ProductVersion.EtcdStorage,
            },
            cancellationToken);
    }
}
