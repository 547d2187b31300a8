using System.Runtime.CompilerServices;
using Granary.Client.Connections;
using Granary.Protos;
using Grpc.Core;

namespace Granary.Client;

/// <summary>One watch, over all the times that it breaks off and goes on: each change once, and in order.</summary>
internal sealed class Watching(ICalls calls, KeyRange range, WatchOptions options, TimeProvider time)
{
    private static readonly TimeSpan ShortestPause = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(2);

    // What has come and is not told yet: the rest of its revision may be in the fragment that follows.
    private readonly List<WatchEvent> _pending = [];

    // The revision to go on from; 0: the watch has not begun. All below it is told or pending.
    private long _next = options.StartRevision;

    /// <exception cref="CompactedException">What is next is compacted.</exception>
    /// <exception cref="GranaryException">It is not permitted, or the server refuses it.</exception>
    public async IAsyncEnumerable<WatchUpdate> Run([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var isTold = false;
        for (var pause = ShortestPause; ; pause = pause * 2 < LongestPause ? pause * 2 : LongestPause)
        {
            await using var responses = calls.Watch(options.Request(range, _next), cancellationToken).GetAsyncEnumerator(cancellationToken);
            while (await HasNext(responses, cancellationToken).ConfigureAwait(false))
            {
                if (Take(responses.Current) is not { } update)
                {
                    continue;
                }

                pause = ShortestPause;
                if (update.Events.Count > 0 || (options.ReportProgress && !(isTold && responses.Current.Created)))
                {
                    isTold = true;
                    yield return update;
                }
            }

            // What was pending comes again, from the revision that it is of.
            _pending.Clear();
            Telemetry.Resumed();
            await Task.Delay(pause, time, cancellationToken).ConfigureAwait(false);
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
            throw Canceled(response.CancelReason);
        }

        foreach (var told in response.Events)
        {
            _pending.Add(WatchEvent.Of(told));
        }

        if (response.Fragment)
        {
            return null;
        }

        // A watch without a start begins behind the revision that its first response has; progress says that all before is told.
        var revision = _pending.Count > 0 ? _pending[^1].Revision : response.Created && _next > 0 ? _next - 1 : response.Header.Revision;
        _next = Math.Max(_next, revision + 1);
        var update = new WatchUpdate(_next - 1, _pending.Count == 0 ? [] : [.. _pending]);
        _pending.Clear();
        return update;
    }

    // False when it has broken off, and can be resumed.
    private static async ValueTask<bool> HasNext(IAsyncEnumerator<WatchResponse> responses, CancellationToken cancellationToken)
    {
        try
        {
            return await responses.MoveNextAsync().ConfigureAwait(false);
        }
        catch (GranaryException exception) when (!cancellationToken.IsCancellationRequested
            && exception.StatusCode is StatusCode.Unavailable or StatusCode.Internal or StatusCode.Unknown or StatusCode.Cancelled or StatusCode.Unauthenticated)
        {
            return false;
        }
    }

    private static GranaryException Canceled(string reason) =>
        new(reason, reason.Contains("permission denied", StringComparison.Ordinal) ? StatusCode.PermissionDenied : StatusCode.OutOfRange, mayHaveHappened: false);
}
