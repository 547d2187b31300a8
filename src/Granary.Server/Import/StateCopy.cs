using Google.Protobuf;
using Granary.Protos;
using Granary.Server.Commands;
using Granary.Storage.Snapshots;
using Grpc.Core;

namespace Granary.Server.Import;

/// <summary>
/// Copies the state of a running server with its history by calls that can be made again where the connection broke, unlike a snapshot:
/// all pairs at the compacted revision by key, while a watch tells every change since; then leases and alarms.
/// </summary>
internal sealed class StateCopy
{
    private readonly EtcdEndpoint _source;
    private readonly CopyLoad _load;
    private readonly Retries _retries;
    private readonly IWorkProgress _progress;

    private StateCopy(EtcdEndpoint source, CopyLoad load, Retries retries, IWorkProgress progress)
    {
        _source = source;
        _load = load;
        _retries = retries;
        _progress = progress;
    }

    /// <summary>Copies everything there is by now.</summary>
    /// <exception cref="RpcException">The server refuses, or cannot be reached for too long.</exception>
    /// <exception cref="SourceCompactedException">The server has compacted what was still to be fetched.</exception>
    public static async Task<RestoredCounts> Run(
        EtcdEndpoint source, CopyLoad load, IWorkProgress progress, TimeProvider time, CancellationToken cancellationToken)
    {
        var copy = new StateCopy(source, load, new Retries(source.Address, time), progress);
        using var ends = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var compacted = await copy.Try(() => CompactedRevision.Find(source, ends.Token), ends.Token);
        var (revision, count) = await copy.Try(() => KeyPages.Look(source, ends.Token), ends.Token);
        var history = new HistoryFetch(source, load, Math.Max(1, compacted), revision, copy._retries);
        var following = history.Run(progress.Begin("fetching changes", revision - compacted), ends.Token);
        var copying = copy.Run(history, compacted, count, ends.Token);
        try
        {
            // Changes are followed until the copy has enough of them: before that this ends only by failing.
            await await Task.WhenAny(copying, following);
        }
        finally
        {
            await ends.CancelAsync();
            await Task.WhenAll(copying, following).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        return (await copying)(cancellationToken);
    }

    private async Task<Func<CancellationToken, RestoredCounts>> Run(HistoryFetch history, long compacted, long count, CancellationToken cancellationToken)
    {
        await FetchPairs(compacted, _progress.Begin("fetching keys", count), cancellationToken);
        var (revision, leases) = await FetchLeases(history, cancellationToken);
        var alarms = await Try(async () => (await _source.Maintenance.AlarmAsync(new AlarmRequest(), cancellationToken: cancellationToken)).Alarms, cancellationToken);
        var authRevision = await Try(() => FindAuthRevision(cancellationToken), cancellationToken);
        return stop => _load.Complete(revision, leases, alarms, authRevision, bytes => _progress.Begin("loading changes", bytes), stop);
    }

    private async Task FetchPairs(long compacted, Action<long> fetched, CancellationToken cancellationToken)
    {
        _load.BeginPairs(ByteString.Empty, compacted);
        if (compacted < 0)
        {
            // Every change there ever was is told.
            return;
        }

        var pages = new KeyPages(_source);
        while (!pages.IsAtEnd)
        {
            IReadOnlyList<KeyValue> page;
            try
            {
                page = await Try(() => pages.Next(compacted, cancellationToken), cancellationToken);
            }
            catch (RpcException exception) when (CompactedRevision.IsReasonOf(exception))
            {
                // The rest as of a later revision: what came between is among the changes.
                compacted = await Try(() => CompactedRevision.Find(_source, cancellationToken), cancellationToken);
                _load.BeginPairs(pages.First, compacted);
                continue;
            }

            foreach (var pair in page)
            {
                _load.AddPair(pair);
            }

            fetched(page.Count);
        }
    }

    /// <summary>
    /// Waits for all changes by now; returns the revision they reach to, and the time to live of each lease there was at that revision. A
    /// lease that has gone is no loss if its keys went before that revision.
    /// </summary>
    private async Task<(long Revision, Dictionary<long, long> Leases)> FetchLeases(HistoryFetch history, CancellationToken cancellationToken)
    {
        history.TakeLeases();
        var listed = await Try(async () => (await _source.Lease.LeaseLeasesAsync(new LeaseLeasesRequest(), cancellationToken: cancellationToken)).Leases, cancellationToken);
        var leases = new LeaseTimes(_source, _retries);
        await leases.Ask(listed.Select(static lease => lease.ID), cancellationToken);
        while (true)
        {
            var (revision, _) = await Try(() => KeyPages.Look(_source, cancellationToken), cancellationToken);
            await history.WaitFor(revision, cancellationToken);

            // Whoever named a lease since and has lost it again did so later than the revision.
            if (await leases.Ask(history.TakeLeases(), cancellationToken))
            {
                return (revision, leases.Found);
            }
        }
    }

    private async Task<ulong> FindAuthRevision(CancellationToken cancellationToken)
    {
        try
        {
            return (await _source.Auth.AuthStatusAsync(new AuthStatusRequest(), cancellationToken: cancellationToken)).AuthRevision;
        }
        catch (RpcException exception) when (exception.StatusCode == StatusCode.Unimplemented)
        {
            return 1;
        }
    }

    private Task<T> Try<T>(Func<Task<T>> call, CancellationToken cancellationToken) => _retries.Run(call, cancellationToken);
}
