using System.Diagnostics;
using Google.Protobuf;
using Granary.Mvcc.Evaluation;
using Granary.Mvcc.Keys;
using Granary.Protos;
using Granary.Storage.Replicas;

namespace Granary.Streams;

/// <summary>Reads commits of the replica at any revision that is not compacted: from the feed, or from the store when the feed no longer has it.</summary>
internal static class CommitReader
{
    // One step: so much a consumer gets in one call, and so long the agent is busy with one consumer.
    private const int MaxCommits = 128;
    private const int MaxEventsFromStore = 1024;

    // Of one commit that is read from the store: with more, its events are not listed.
    private const int MaxListedEvents = 4096;
    private const int MaxListedBytes = 8 << 20;

    /// <summary>Commits from a revision on; empty when it is still to come, null when it is compacted.</summary>
    public static Commit[]? Read(Replica replica, long from, int max = MaxCommits) =>
        replica.Feed.Read(from, Math.Min(max, MaxCommits)) is { } commits
            ? Array.ConvertAll([.. commits], ToCommit)
            : ReadStore(replica, from, max);

    private static Commit ToCommit(AppliedCommit applied)
    {
        if (!applied.IsListed)
        {
            return new Commit(applied.Revision, [], TraceParent(applied.Span), [.. applied.Effects.Select(static effect => Range(Keys(effect)))]);
        }

        var events = new Event[applied.Effects.Count];
        for (var sub = 0; sub < events.Length; sub++)
        {
            events[sub] = applied.EventAt(sub);
        }

        return new Commit(applied.Revision, events, TraceParent(applied.Span));
    }

    private static string? TraceParent(ActivityContext span) =>
        span == default ? null : $"00-{span.TraceId}-{span.SpanId}-{(span.TraceFlags.HasFlag(ActivityTraceFlags.Recorded) ? "01" : "00")}";

    private static Commit[]? ReadStore(Replica replica, long from, int max)
    {
        using var view = replica.View();
        if (from < view.CompactedRevision)
        {
            return null;
        }

        var commits = new List<Commit>();
        var read = 0;
        while (from <= view.Revision && commits.Count < Math.Min(max, MaxCommits) && read < MaxEventsFromStore)
        {
            var commit = ReadCommit(view, from);
            commits.Add(commit);
            read += commit.Events.Count;
            from = commit.Revision + 1;
        }

        return [.. commits];
    }

    /// <summary>Reads the next commit, which the store has: each revision changes something, and of the compacted one its events are kept.</summary>
    private static Commit ReadCommit(ReplicaView view, long from)
    {
        var events = new List<Event>();
        var bytes = 0L;
        foreach (var change in view.WatchedEvents(new EventPlace(from), view.Revision))
        {
            if (events.Count > 0 && change.Revision != events[0].Kv.ModRevision)
            {
                break;
            }

            if (events.Count == MaxListedEvents || bytes > MaxListedBytes)
            {
                return new Commit(change.Revision, [], null, [Range(KeyRange.All)]);
            }

            var @event = view.ReadEvent(change, withPrevious: true);
            events.Add(@event);
            bytes += @event.CalculateSize();
        }

        return new Commit(events.Count > 0 ? events[0].Kv.ModRevision : view.Revision, [.. events], null);
    }

    private static KeyRange Keys(in Effect effect) => effect.Bulk?.Within ?? new KeyRange(effect.Pair.Key, ByteString.Empty);

    private static CommitRange Range(KeyRange keys) => new(keys.Start, keys.End);
}
