using System.Diagnostics;
using Granary.Mvcc.Evaluation;
using Granary.Protos;

namespace Granary.Storage.Replicas;

/// <summary>One commit as the replica applied it: one revision, its changes in order, each with the pair that it superseded, unless it has too many.</summary>
/// <param name="Revision">The revision of all of its changes.</param>
/// <param name="Effects">The changes; the place in the list is the sub-revision.</param>
/// <param name="Span">The span of the commit, or nothing when no request in it is sampled.</param>
public sealed record AppliedCommit(long Revision, IReadOnlyList<Effect> Effects, ActivityContext Span)
{
    // A change, its messages and its place in lists, without its bytes.
    private const int OverheadBytes = 256;

    /// <summary>Whether each change is named; else they are to be read from the store.</summary>
    public bool IsListed { get; } = AreListed(Effects);

    /// <summary>Roughly the memory that it takes.</summary>
    public int SizeBytes { get; } = Size(Effects);

    /// <summary>
    /// The change as watchers are told of it: of a delete only key and mod revision, and with the pair that the key had before
    /// this revision, which a create has not.
    /// </summary>
    public Event EventAt(int sub)
    {
        var effect = Effects[sub];
        return new Event
        {
            Type = effect.IsDelete ? Event.Types.EventType.Delete : Event.Types.EventType.Put,
            Kv = effect.Pair,
            PrevKv = !effect.IsDelete && effect.Pair.CreateRevision == Revision ? null : Before(effect),
        };
    }

    /// <summary>What the key was before the commit: of several changes of it here, only the first one has superseded that.</summary>
    private KeyValue? Before(Effect effect)
    {
        if (effect.PreviousModRevision != Revision)
        {
            return effect.Previous;
        }

        var first = 0;
        while (!Effects[first].Pair.Key.Equals(effect.Pair.Key))
        {
            first++;
        }

        return Effects[first].Previous;
    }

    private static bool AreListed(IReadOnlyList<Effect> effects)
    {
        for (var i = 0; i < effects.Count; i++)
        {
            if (effects[i].Bulk is not null)
            {
                return false;
            }
        }

        return true;
    }

    private static int Size(IReadOnlyList<Effect> effects)
    {
        var size = OverheadBytes;
        foreach (var effect in effects)
        {
            size += OverheadBytes + effect.Pair.Key.Length + effect.Pair.Value.Length + (effect.Previous?.Value.Length ?? 0);
        }

        return size;
    }
}
