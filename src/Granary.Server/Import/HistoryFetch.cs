using Granary.Storage.Snapshots;

namespace Granary.Server.Import;

/// <summary>
/// Fetches every change of a server from a revision on, what is past in several parts at once. An etcd reads all of what is past for each
/// thousand revisions that a watch is given, but once for all watches.
/// </summary>
internal sealed class HistoryFetch
{
    private const long MinRevisionsOfPart = 2_000;
    private const int MaxParts = 64;

    private readonly List<ChangeFetch> _past = [];
    private readonly ChangeFetch _live;
    private readonly TaskCompletionSource _hasPast = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <param name="source">The server.</param>
    /// <param name="load">Takes the changes.</param>
    /// <param name="first">The revision to begin with.</param>
    /// <param name="current">The revision the server is at.</param>
    /// <param name="retries">Tries again.</param>
    public HistoryFetch(EtcdEndpoint source, CopyLoad load, long first, long current, Retries retries)
    {
        var each = Math.Max(MinRevisionsOfPart, ((current - first) / MaxParts) + 1);
        while (first < current)
        {
            var last = Math.Min(current, first + each - 1);
            _past.Add(new ChangeFetch(source, load.BeginChanges(), first, last, retries));
            first = last + 1;
        }

        _live = new ChangeFetch(source, load.BeginChanges(), first, long.MaxValue, retries);
    }

    /// <summary>Fetches until it is canceled.</summary>
    /// <param name="progress">Told of the revisions that came since it was told last.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="SourceCompactedException">The source no longer has what comes next.</exception>
    public async Task Run(Action<long> progress, CancellationToken cancellationToken)
    {
        using var failed = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        List<Task> fetching = [_live.Run(static _ => { }, failed.Token)];
        foreach (var part in _past)
        {
            fetching.Add(part.Run(progress, failed.Token));
        }

        var pastLeft = _past.Count;
        try
        {
            await foreach (var ended in Task.WhenEach(fetching))
            {
                await ended;
                if (--pastLeft == 0)
                {
                    _hasPast.TrySetResult();
                }
            }
        }
        finally
        {
            await failed.CancelAsync();
            await Task.WhenAll(fetching).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>Waits until all changes up to a revision have come.</summary>
    public async Task WaitFor(long revision, CancellationToken cancellationToken)
    {
        if (_past.Count > 0)
        {
            await _hasPast.Task.WaitAsync(cancellationToken);
        }

        await _live.WaitFor(revision, cancellationToken);
    }

    /// <summary>The leases that changes named since this was asked last.</summary>
    public HashSet<long> TakeLeases() => _live.TakeLeases();
}
