using Granary.Storage.Stores;

namespace Granary.Storage.Snapshots.Ordering;

/// <summary>
/// All records of one state, sorted by revision and sub-revision, in bounded memory: pairs are sorted in runs by revision while the store
/// is read in key order, then merged. Pairs know no sub-revision; the events say which it was where it matters (see <see cref="EventScan"/>),
/// elsewhere the pairs of one revision are numbered in key order.
/// </summary>
internal sealed class OrderedRecords : IDisposable
{
    private readonly OrderingMemory _memory;

    // By key: of one revision, what a former part has comes first.
    private readonly List<PairScan> _parts = [];

    private OrderedRecords(TemporarySpace space, OrderingMemory memory)
    {
        _memory = memory;
        Events = new EventScan(space, memory.SpoolBytes / 2);
    }

    internal EventScan Events { get; }

    /// <param name="snapshot">The state; no longer needed afterwards.</param>
    /// <param name="compactedRevision">What cannot be read there or later is left out.</param>
    /// <param name="space">Where temporary files may be.</param>
    /// <param name="memory">How much memory to take.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public static async Task<OrderedRecords> Gather(
        IStoreSnapshot snapshot, long compactedRevision, TemporarySpace space, OrderingMemory memory, CancellationToken cancellationToken)
    {
        var records = new OrderedRecords(space, memory);
        try
        {
            await records.Scan(snapshot, compactedRevision, space, cancellationToken);
            return records;
        }
        catch
        {
            records.Dispose();
            throw;
        }
    }

    /// <summary>A pass over all records; without data only their places and sizes.</summary>
    public RecordCursor Read(bool withData) =>
        new(new RunMerge([.. _parts.SelectMany(static part => part.Runs)], withData, _memory.MergeBytes), Events.ReadOrders(), Events.ReadTombstones(), withData);

    public void Dispose()
    {
        _parts.ForEach(static part => part.Dispose());
        Events.Dispose();
    }

    /// <summary>Reads events and the parts of the keys, all at once. Nobody reads the snapshot any more when this ends, however it does.</summary>
    private async Task Scan(IStoreSnapshot snapshot, long compactedRevision, TemporarySpace space, CancellationToken cancellationToken)
    {
        using var failed = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        List<byte[]> starts = [[], .. KeyParts.Cut(snapshot, _memory.Parts)];
        List<Task> scans = [Start(() => Events.Run(snapshot, compactedRevision, failed.Token))];
        for (var i = 0; i < starts.Count; i++)
        {
            var part = new PairScan(space, _memory.SpoolBytes);
            var (start, end) = (starts[i], i + 1 < starts.Count ? starts[i + 1] : null);
            _parts.Add(part);
            scans.Add(Start(() => part.Run(snapshot, start, end, compactedRevision, _memory.RunBytes / starts.Count, failed.Token)));
        }

        try
        {
            // The first to fail is the one to tell of; the others are canceled by it.
            await foreach (var scan in Task.WhenEach(scans))
            {
                await scan;
            }
        }
        finally
        {
            await failed.CancelAsync();
            await Task.WhenAll(scans).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        // Not canceled before it has begun: each is waited for.
        static Task Start(Action scan) => Task.Run(scan, CancellationToken.None);
    }
}
