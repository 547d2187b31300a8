using System.Runtime.CompilerServices;
using Granary.Storage.Stores;

namespace Granary.Storage.Snapshots.Ordering;

/// <summary>Sorts the pairs of one part of the keys into runs by revision. Of one revision, what has the lower key comes first.</summary>
internal sealed class PairScan(TemporarySpace space, int spoolBytes) : IDisposable
{
    private readonly Spool _data = new(space, spoolBytes);
    private readonly Spool _index = new(space, spoolBytes / 4);

    public List<SortedRun> Runs { get; } = [];

    // A loop of its own: it is to be compiled as such, not when it has been called often.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Run(IStoreSnapshot snapshot, byte[] start, byte[]? end, long compactedRevision, int runBytes, CancellationToken cancellationToken)
    {
        using var pairs = new StoredPairs(snapshot, start, end, compactedRevision);
        var buffer = new RunBuffer(runBytes);
        var count = 0;
        while (pairs.MoveNext())
        {
            if ((++count & 0xfff) == 0)
            {
                cancellationToken.ThrowIfCancellationRequested();
            }

            var pair = pairs.Current;
            var bytes = pair.Size();
            if (!buffer.HasRoomFor(bytes) && !buffer.IsEmpty)
            {
                Runs.Add(buffer.Spill(_data, _index));
            }

            pair.Write(buffer.Add(pair.ModRevision, bytes));
        }

        if (!buffer.IsEmpty)
        {
            Runs.Add(buffer.Spill(_data, _index));
        }
    }

    public void Dispose()
    {
        _data.Dispose();
        _index.Dispose();
    }
}
