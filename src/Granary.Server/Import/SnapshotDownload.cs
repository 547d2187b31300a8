using Granary.Protos;
using Granary.Server.Commands;
using Granary.Storage.Snapshots;
using Grpc.Core;

namespace Granary.Server.Import;

/// <summary>
/// Fetches a snapshot from a running server into a file, hash at its end, as etcdctl does. A snapshot is one state, which the server forgets
/// when the connection breaks: so it is never continued, but begun anew, a few times by itself.
/// </summary>
internal sealed class SnapshotDownload(EtcdEndpoint from, string file, TimeProvider time)
{
    private const int Attempts = 5;

    private static readonly TimeSpan RetryInterval = TimeSpan.FromSeconds(1);

    private long _fetched;

    /// <exception cref="RpcException">The server refuses, or cannot be reached.</exception>
    /// <exception cref="SnapshotRefusedException">What it sent is no whole snapshot.</exception>
    public async Task Run(IWorkProgress progress, CancellationToken cancellationToken)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                await Fetch(progress, cancellationToken);
                return;
            }
            catch (RpcException exception) when (_fetched > 0 && attempt < Attempts && EtcdEndpoint.IsPassing(exception) && !cancellationToken.IsCancellationRequested)
            {
                await Console.Error.WriteLineAsync(
                    $"granary: {from.Address} broke off after {ByteSize.Text(_fetched)}: {exception.Status.Detail}; a snapshot cannot be continued, beginning anew");
                await Task.Delay(RetryInterval, time, cancellationToken);
            }
        }
    }

    private async Task Fetch(IWorkProgress progress, CancellationToken cancellationToken)
    {
        await using var target = new FileStream(file, new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write, BufferSize = 1 << 20 });
        using var call = from.Maintenance.Snapshot(new SnapshotRequest(), cancellationToken: cancellationToken);
        Action<long>? fetched = null;
        var left = 0L;
        await foreach (var part in call.ResponseStream.ReadAllAsync(cancellationToken))
        {
            left = (long)part.RemainingBytes;
            fetched ??= progress.Begin($"fetching from {from.Address}", left + part.Blob.Length);
            await target.WriteAsync(part.Blob.Memory, cancellationToken);
            fetched(part.Blob.Length);
            _fetched = target.Position;
        }

        if (left > 0)
        {
            throw new SnapshotRefusedException($"{from.Address} ended its snapshot {ByteSize.Text(left)} too early; nothing was kept, run the command again");
        }
    }
}
