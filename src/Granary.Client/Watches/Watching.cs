using System.Runtime.CompilerServices;
using Granary.Client.Connections;
using Granary.Protos;
using Grpc.Core;

namespace Granary.Client;

/// <summary>One watch, over all the times that it breaks off and goes on: each change once, and in order.</summary>
internal sealed class Watching(ICalls calls, KeyRange range, WatchOptions options, TimeProvider time)
{
    // A token may be one that a server does not know, more than once where servers come and go.
    private const int MaxRefusals = 3;

    private static readonly TimeSpan ShortestPause = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(2);

    // What has come and is not told yet: the rest of its revision may be in the fragment that follows.
    private readonly List<WatchEvent> _pending = [];

    // The revision to go on from; 0: it is not known yet. All below it is told or pending.
    private long _next = options.StartRevision;
    private int _refusals;

    /// <exception cref="CompactedException">What is next is compacted.</exception>
    /// <exception cref="GranaryException">It is not permitted, or the server refuses it.</exception>
    public async IAsyncEnumerable<WatchUpdate> Run([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var isTold = false;
        for (var pause = ShortestPause; ; pause = pause * 2 < LongestPause ? pause * 2 : LongestPause)
        {
            if (_next > 0 || await HasBegun(cancellationToken).ConfigureAwait(false))
            {
                await using var responses = calls.Watch(options.Request(range, _next), cancellationToken).GetAsyncEnumerator(cancellationToken);
                while (await HasNext(responses, cancellationToken).ConfigureAwait(false))
                {
                    var isCreation = responses.Current.Created;
                    if (Take(responses.Current) is not { } update)
                    {
                        continue;
                    }

                    _refusals = 0;
                    pause = isCreation ? pause : ShortestPause;
                    if (update.Events.Count > 0 || (options.ReportProgress && !(isTold && isCreation)))
                    {
                        isTold = true;
                        yield return update;
                    }
                }

                // What was pending comes again, from the revision that it is of.
                _pending.Clear();
                Telemetry.Resumed();
            }

            await Task.Delay(pause, time, cancellationToken).ConfigureAwait(false);
        }
    }

    // What comes after now. The first response of a watch says it too late: it may be made after the first changes.
    private async ValueTask<bool> HasBegun(CancellationToken cancellationToken)
    {
        try
        {
            var now = await calls.Ask(UnaryMethods.Range, new RangeRequest { Key = range.Key.Wrapped, KeysOnly = true }, cancellationToken).ConfigureAwait(false);
            _next = now.Header.Revision + 1;
            return true;
        }
        catch (GranaryException exception) when (exception.IsPassing)
        {
            return false;
        }
    }

    // Null as long as it is not whole.
    private WatchUpdate? Take(WatchResponse response)
    {
        if (response.CompactRevision != 0)
        {
            throw new CompactedException(response.CompactRevision);
        }

        if (response.Canceled)
        {
            throw Failures.OfWatch(response.CancelReason);
        }

        foreach (var told in response.Events)
        {
            _pending.Add(WatchEvent.Of(told));
        }

        if (response.Fragment)
        {
            return null;
        }

        // Progress says that all until then is told. That it was created says nothing.
        var revision = _pending.Count > 0 ? _pending[^1].Revision : response.Created ? 0 : response.Header.Revision;
        _next = Math.Max(_next, revision + 1);
        var update = new WatchUpdate(_next - 1, _pending.Count == 0 ? [] : [.. _pending]);
        _pending.Clear();
        return update;
    }

    // False when it has broken off, and can be resumed.
    private async ValueTask<bool> HasNext(IAsyncEnumerator<WatchResponse> responses, CancellationToken cancellationToken)
    {
        try
        {
            return await responses.MoveNextAsync().ConfigureAwait(false);
        }
        catch (GranaryException exception) when (!cancellationToken.IsCancellationRequested)
        {
            var isRefused = exception.StatusCode is StatusCode.Unauthenticated or StatusCode.PermissionDenied;
            if (isRefused ? ++_refusals < MaxRefusals : exception.IsPassing || exception.StatusCode is StatusCode.Internal or StatusCode.Unknown or StatusCode.Cancelled)
            {
                return false;
            }

            throw;
        }
    }
}
