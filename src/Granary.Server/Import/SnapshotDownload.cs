using Granary.Protos;
using Granary.Server.Commands;
using Granary.Storage.Snapshots;
using Grpc.Core;

namespace Granary.Server.Import;

/// <summary>
/// Fetches a snapshot from a running server into a file, hash at its end, as etcdctl does. A snapshot is one state, which the server forgets
/// when the connection breaks: so it is never continued, but begun anew.
/// </summary>
internal sealed class SnapshotDownload(EtcdEndpoint from, string file, TimeProvider time)
{
    private const int Attempts = 5;

    private static readonly TimeSpan RetryInterval = TimeSpan.FromSeconds(1);

    private long _fetched;

    /// <summary>Fetches it, again and again if need be.</summary>
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
            catch (RpcException exception) when (attempt < Attempts && IsBreak(exception, cancellationToken))
            {
                Tell(exception, "beginning anew");
                await Task.Delay(RetryInterval, time, cancellationToken);
            }
        }
    }

    /// <summary>Fetches it unless the connection breaks meanwhile: false then, for there is another way.</summary>
    /// <exception cref="RpcException">The server refuses, or cannot be reached.</exception>
    /// <exception cref="SnapshotRefusedException">What it sent is no whole snapshot.</exception>
    public async Task<bool> TryOnce(IWorkProgress progress, CancellationToken cancellationToken)
    {
        try
        {
            await Fetch(progress, cancellationToken);
            return true;
        }
        catch (RpcException exception) when (IsBreak(exception, cancellationToken))
        {
            Tell(exception, "fetching keys and changes instead, which can");
            return false;
        }
    }

    private bool IsBreak(RpcException exception, CancellationToken cancellationToken) =>
        _fetched > 0 && EtcdEndpoint.IsPassing(exception) && !cancellationToken.IsCancellationRequested;

    private void Tell(RpcException exception, string what) => Console.Error.WriteLine(
        $"granary: {from.Address} broke off after {ByteSize.Text(_fetched)}: {exception.Status.Detail}; a snapshot cannot be continued, {what}");

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
