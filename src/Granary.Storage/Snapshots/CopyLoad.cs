using Google.Protobuf;
using Granary.Protos;
using Granary.Storage.Replicas;
using Granary.Storage.Stores;

namespace Granary.Storage.Snapshots;

/// <summary>
/// Fills an empty store with what a running server tells: its pairs as of one revision, by key, and every change since, by revision. Both may
/// come at once: pairs go into the store, from one thread, changes into temporary files until the pairs are there.
/// </summary>
public sealed class CopyLoad : IDisposable
{
    private readonly StoreFiller _filler;
    private readonly TemporarySpace _space;
    private readonly List<ChangeSpool> _changes = [];

    // From which key on pairs are of which revision, by key.
    private readonly List<(byte[] First, long Revision)> _bases = [];

    /// <param name="store">An empty store.</param>
    /// <param name="space">Where temporary files may be, as large as all changes.</param>
    public CopyLoad(IStore store, TemporarySpace space)
    {
        _filler = new StoreFiller(store, leasesComeLast: true);
        _space = space;
    }

    /// <summary>Of the keys from here on, pairs are told as of this revision, and changes count from it on.</summary>
    /// <param name="first">A greater key than any that was told; empty at first.</param>
    /// <param name="revision">Not less than before; -1 when there are no pairs, since every change is told.</param>
    public void BeginPairs(ByteString first, long revision) => _bases.Add((first.ToByteArray(), revision));

    public void AddPair(KeyValue pair)
    {
        _filler.AddPair(KeyValueWire.Of(pair));
        if (_filler.IsFull)
        {
            _filler.Write();
        }
    }

    /// <summary>Where changes go that follow all those for which this was called before.</summary>
    public ChangeSpool BeginChanges()
    {
        var changes = new ChangeSpool(_space);
        _changes.Add(changes);
        return changes;
    }

    /// <summary>Loads the changes and makes it all durable.</summary>
    /// <param name="revision">The last one that is to be in the store: all changes up to it were told.</param>
    /// <param name="leases">Time to live in seconds by id, of all leases there are at that revision.</param>
    /// <param name="alarms">Alarms that are up.</param>
    /// <param name="authRevision">The revision of users and roles, though there are none.</param>
    /// <param name="begin">Begins to show progress, of so many bytes.</param>
    /// <param name="cancellationToken">Gives up; the store stays unfinished.</param>
    public RestoredCounts Complete(
        long revision,
        IReadOnlyDictionary<long, long> leases,
        IReadOnlyList<AlarmMember> alarms,
        ulong authRevision,
        Func<long, Action<long>> begin,
        CancellationToken cancellationToken)
    {
        _filler.Write();
        LoadChanges(revision, begin(_changes.Sum(static changes => changes.Length)), cancellationToken);
        foreach (var (id, ttl) in leases)
        {
            _filler.AddLease(id, ttl);
        }

        // Where keys were told as of several revisions, the last of them is the first at which all can be read.
        var compacted = _bases[^1].Revision;
        _filler.Complete(isAuthEnabled: false, authRevision, ReplicaState.Initial with { Revision = revision, CompactedRevision = compacted, Alarms = [.. alarms] });
        return new RestoredCounts(revision, compacted, _filler.Records, leases.Count, 0, 0, IsAuthEnabled: false, alarms.Count, _filler.Gaps);
    }

    public void Dispose()
    {
        _filler.Dispose();
        _changes.ForEach(static changes => changes.Dispose());
    }

    private void LoadChanges(long lastRevision, Action<long> progress, CancellationToken cancellationToken)
    {
        foreach (var changes in _changes)
        {
            changes.Read(lastRevision, (RevisionKey revision, in KeyValueWire pair) =>
            {
                var compacted = BaseOf(pair.Key);
                if (revision.Main >= compacted)
                {
                    _filler.AddChange(revision, pair, compacted);
                }

                if (_filler.IsFull)
                {
                    progress(_filler.WaitingBytes);
                    cancellationToken.ThrowIfCancellationRequested();
                    _filler.Write();
                }
            });
        }

        progress(_filler.WaitingBytes);
        _filler.Write();
    }

    private long BaseOf(ReadOnlySpan<byte> key)
    {
        var at = _bases.Count - 1;
        while (at > 0 && key.SequenceCompareTo(_bases[at].First) < 0)
        {
            at--;
        }

        return _bases[at].Revision;
    }
}
