using Granary.Protos;
using Granary.Server.Commands;
using Grpc.Core;

namespace Granary.Server.Import;

/// <summary>Fetches a snapshot from a running server into a file, hash at its end, as etcdctl does.</summary>
internal static class SnapshotDownload
{
    public static async Task Run(EtcdEndpoint from, string file, IWorkProgress progress, CancellationToken cancellationToken)
    {
        await using var target = new FileStream(file, new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write, BufferSize = 1 << 20 });
        using var call = from.Maintenance.Snapshot(new SnapshotRequest(), cancellationToken: cancellationToken);
        Action<long>? fetched = null;
        await foreach (var part in call.ResponseStream.ReadAllAsync(cancellationToken))
        {
            fetched ??= progress.Begin($"fetching from {from.Address}", (long)part.RemainingBytes + part.Blob.Length);
            await target.WriteAsync(part.Blob.Memory, cancellationToken);
            fetched(part.Blob.Length);
        }
    }
}
