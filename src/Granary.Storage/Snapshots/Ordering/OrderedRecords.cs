using System.Runtime.CompilerServices;
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
    private readonly Spool _data;
    private readonly Spool _index;
    private readonly List<SortedRun> _runs = [];

    private OrderedRecords(string directory, OrderingMemory memory)
    {
        _memory = memory;
        _data = new Spool(directory, memory.SpoolBytes);
        _index = new Spool(directory, memory.SpoolBytes / 4);
        Events = new EventScan(directory, memory.SpoolBytes / 4);
    }

    internal EventScan Events { get; }

    /// <param name="snapshot">The state; no longer needed afterwards.</param>
    /// <param name="compactedRevision">What cannot be read there or later is left out.</param>
    /// <param name="directory">Where temporary files may be.</param>
    /// <param name="memory">How much memory to take.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public static async Task<OrderedRecords> Gather(
        IStoreSnapshot snapshot, long compactedRevision, string directory, OrderingMemory memory, CancellationToken cancellationToken)
    {
        var records = new OrderedRecords(directory, memory);
        try
        {
            // The two read different families, and take about as long.
            var events = Task.Run(() => records.Events.Run(snapshot, compactedRevision, cancellationToken), cancellationToken);
            try
            {
                await records.GatherPairs(snapshot, compactedRevision, cancellationToken);
            }
            finally
            {
                await events.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }

            await events;
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
        new(new RunMerge(_runs, withData ? _data : null, _index, _memory.MergeBytes), Events.ReadOrders(), Events.ReadTombstones(), withData);

    public void Dispose()
    {
        _data.Dispose();
        _index.Dispose();
        Events.Dispose();
    }

    private async Task GatherPairs(IStoreSnapshot snapshot, long compactedRevision, CancellationToken cancellationToken)
    {
        using var pairs = new StoredPairs(snapshot, compactedRevision);
        var filling = new RunBuffer(_memory.RunBytes);
        RunBuffer? spare = null;
        Task<RunBuffer> spilling = Task.FromResult(filling);
        var spilled = false;
        try
        {
            while (Fill(pairs, filling, cancellationToken))
            {
                var full = filling;
                filling = spilled ? await spilling : spare ??= new RunBuffer(_memory.RunBytes);
                spilled = true;
                spilling = Task.Run(
                    () =>
                    {
                        _runs.Add(full.Spill(_data, _index));
                        return full;
                    },
                    CancellationToken.None);
            }
        }
        finally
        {
            await ((Task)spilling).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        await spilling;
        if (!filling.IsEmpty)
        {
            _runs.Add(filling.Spill(_data, _index));
        }
    }

    /// <summary>Fills the buffer; false once there are no more pairs.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static bool Fill(StoredPairs pairs, RunBuffer buffer, CancellationToken cancellationToken)
    {
        var count = 0;
        while (pairs.HasCurrent || pairs.MoveNext())
        {
            if ((++count & 0xfff) == 0)
            {
                cancellationToken.ThrowIfCancellationRequested();
            }

            var pair = pairs.Current;
            var bytes = pair.Size();
            if (!buffer.IsEmpty && !buffer.HasRoomFor(bytes))
            {
                return true;
            }

            pair.Write(buffer.Add(pair.ModRevision, bytes));
            pairs.Taken();
        }

        return false;
    }
}
