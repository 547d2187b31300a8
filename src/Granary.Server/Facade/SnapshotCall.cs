using System.Security.Cryptography;
using System.Threading.Channels;
using Google.Protobuf;
using Granary.Protos;
using Granary.Server.Configuration;
using Granary.Server.Identity;
using Granary.Storage.Replicas;
using Granary.Storage.Snapshots;
using Grpc.Core;

namespace Granary.Server.Facade;

/// <summary>
/// Answers one Snapshot: the current state as a database of etcd, in blobs, then the SHA-256 of them. The state is gathered first, one
/// call at a time, because that takes memory; then it goes out at the client's pace, holding but temporary files.
/// </summary>
internal sealed class SnapshotCall(
    Callers callers, Replica replica, Member member, TemporarySpace space, ServerOptions options, LastingCalls lasting, CallErrors errors) : IDisposable
{
    private const int BlobBytes = 64 << 10;

    // Enough that whoever makes blobs and whoever sends them work for a while before one waits for the other.
    private const int Buffers = 16;

    private readonly SemaphoreSlim _gathering = new(1);

    public async Task Run(IServerStreamWriter<SnapshotResponse> target, ServerCallContext context)
    {
        using var ends = lasting.Begin(context);
        try
        {
            callers.Admin(context);
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
            using var view = await replica.SettledView(cancellationToken);
            var self = new SnapshotMember(member.Id, options.Name, options.AdvertisedPeerUrls, options.AdvertiseClientUrls);
            return await SnapshotExport.Gather(view, self, space, cancellationToken);
        }
        catch (IOException exception)
        {
            throw new RpcException(new Status(
                StatusCode.ResourceExhausted, $"a snapshot needs room for a temporary file as large as itself: {exception.Message}"));
        }
        finally
        {
            _gathering.Release();
        }
    }

    private static async Task Send(SnapshotExport export, IServerStreamWriter<SnapshotResponse> target, CancellationToken cancellationToken)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var full = Channel.CreateBounded<ArraySegment<byte>>(Buffers);
        var empty = Channel.CreateBounded<byte[]>(Buffers);
        for (var i = 0; i < Buffers; i++)
        {
            empty.Writer.TryWrite(new byte[BlobBytes]);
        }

        // Pages are made and hashed while those before them are on their way.
        using var ends = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var making = Task.Run(() => Make(export, hash, empty.Reader, full.Writer, ends.Token), CancellationToken.None);
        try
        {
            var left = export.Layout.SizeBytes;
            await foreach (var blob in full.Reader.ReadAllAsync(cancellationToken))
            {
                left -= blob.Count;
                await Send(blob, left);
                empty.Writer.TryWrite(blob.Array!);
            }
        }
        finally
        {
            await ends.CancelAsync();
            await making;
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

    private static async Task Make(
        SnapshotExport export, IncrementalHash hash, ChannelReader<byte[]> empty, ChannelWriter<ArraySegment<byte>> full, CancellationToken cancellationToken)
    {
        try
        {
            while (true)
            {
                var buffer = await empty.ReadAsync(cancellationToken);
                var length = export.Read(ref buffer, BlobBytes);
                if (length == 0)
                {
                    break;
                }

                hash.AppendData(buffer, 0, length);
                await full.WriteAsync(new ArraySegment<byte>(buffer, 0, length), cancellationToken);
            }

            full.Complete();
        }
        catch (Exception exception)
        {
            full.TryComplete(exception);
        }
    }
}
