using Google.Protobuf;
using Granary.Protos;
using Granary.Storage.Snapshots;
using Grpc.Core;

namespace Granary.Server.Import;

/// <summary>
/// Fetches every change of a server from one revision to another, by watch. When the connection breaks it goes on with the event behind the
/// last one that came, be that in the middle of a revision.
/// </summary>
/// <param name="source">The server.</param>
/// <param name="spool">Takes the changes.</param>
/// <param name="first">The revision to begin with.</param>
/// <param name="last">The revision to end with.</param>
/// <param name="retries">Tries again.</param>
internal sealed class ChangeFetch(EtcdEndpoint source, ChangeSpool spool, long first, long last, Retries retries)
{
    private static readonly ByteString All = ByteString.CopyFrom(0);
    private static readonly TimeSpan AskInterval = TimeSpan.FromMilliseconds(100);

    private readonly Lock _gate = new();
    private readonly List<(long Revision, TaskCompletionSource Reached)> _waiting = [];
    private HashSet<long> _leases = [];

    // The last event that came: its revision, its place in it, and whether more of the revision are to come.
    private long _revision = first - 1;
    private int _sub;
    private bool _isPartial;

    // All changes up to it have come.
    private long _reached = first - 1;

    /// <summary>Fetches until it has the last revision, or is canceled.</summary>
    /// <param name="progress">Told of the revisions that came since it was told last.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="SourceCompactedException">The source no longer has what comes next.</exception>
    public async Task Run(Action<long> progress, CancellationToken cancellationToken)
    {
        try
        {
            await retries.Run<int>(() => Watch(progress, cancellationToken), cancellationToken);
        }
        catch (Exception exception) when (exception is OperationCanceledException or RpcException && cancellationToken.IsCancellationRequested)
        {
            // Enough came.
        }
    }

    /// <summary>Waits until all changes up to a revision have come.</summary>
    public async Task WaitFor(long revision, CancellationToken cancellationToken)
    {
        var reached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_gate)
        {
            if (_reached >= revision)
            {
                return;
            }

            _waiting.Add((revision, reached));
        }

        await reached.Task.WaitAsync(cancellationToken);
    }

    /// <summary>The leases that changes named since this was asked last.</summary>
    public HashSet<long> TakeLeases()
    {
        lock (_gate)
        {
            (var taken, _leases) = (_leases, []);
            return taken;
        }
    }

    private async Task<int> Watch(Action<long> progress, CancellationToken cancellationToken)
    {
        using var ends = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        using var call = source.Watch.Watch(cancellationToken: ends.Token);
        var start = _isPartial ? _revision : _revision + 1;
        var skip = _isPartial ? _sub + 1 : 0;
        await call.RequestStream.WriteAsync(
            new WatchRequest { CreateRequest = new WatchCreateRequest { Key = All, RangeEnd = All, StartRevision = start, Fragment = true } }, ends.Token);
        var asking = AskForProgress(call.RequestStream, ends.Token);
        try
        {
            await foreach (var response in call.ResponseStream.ReadAllAsync(ends.Token))
            {
                if (response.Canceled)
                {
                    throw response.CompactRevision > 0 ? new SourceCompactedException() : new RpcException(new Status(StatusCode.Aborted, response.CancelReason));
                }

                retries.Reached();
                Take(response, ref skip, progress);
                if (_reached >= last)
                {
                    return 0;
                }
            }
        }
        finally
        {
            await ends.CancelAsync();
            await asking;
        }

        throw new RpcException(new Status(StatusCode.Unavailable, "the watch ended"));
    }

    private void Take(WatchResponse response, ref int skip, Action<long> progress)
    {
        var before = _revision;
        var isBehind = false;
        foreach (var change in response.Events)
        {
            if (skip > 0)
            {
                skip--;
                continue;
            }

            if (change.Kv.ModRevision > last)
            {
                // Nothing that is to be fetched can follow.
                _revision = last;
                isBehind = true;
                break;
            }

            _sub = change.Kv.ModRevision == _revision ? _sub + 1 : 0;
            _revision = change.Kv.ModRevision;
            spool.Add(change, _sub);
        }

        if (response.Events.Count > 0)
        {
            _isPartial = response.Fragment && !isBehind;
        }

        progress(_revision - before);
        lock (_gate)
        {
            foreach (var change in response.Events)
            {
                if (change.Kv.Lease != 0)
                {
                    _leases.Add(change.Kv.Lease);
                }
            }

            // A response without events tells of progress. Servers before etcd 3.5.8 tell it too early, so nothing but the beginning rests on it.
            var reached = response.Events.Count > 0 ? _revision - (_isPartial ? 1 : 0) : response.Created ? 0 : Math.Min(first, response.Header.Revision);
            _reached = Math.Max(_reached, reached);
            _waiting.RemoveAll(one => one.Revision <= _reached && one.Reached.TrySetResult());
        }
    }

    // Of the first revision there may be no event any more: then nothing else says that it was reached.
    private async Task AskForProgress(IClientStreamWriter<WatchRequest> requests, CancellationToken cancellationToken)
    {
        using var timer = new PeriodicTimer(AskInterval);
        try
        {
            while (await timer.WaitForNextTickAsync(cancellationToken))
            {
                bool isWaiting;
                lock (_gate)
                {
                    isWaiting = _waiting.Any(one => one.Revision <= first);
                }

                if (isWaiting)
                {
                    await requests.WriteAsync(new WatchRequest { ProgressRequest = new WatchProgressRequest() }, cancellationToken);
                }
            }
        }
        catch (Exception exception) when (exception is OperationCanceledException or RpcException or InvalidOperationException)
        {
            // The watch has ended, and says why.
        }
    }
}
