using System.Diagnostics;
using Granary.Protos;
using Granary.Storage.Replicas;

namespace Granary.Streams;

/// <summary>Reads commits of the replica at any revision that is not compacted: from the feed, or from the store when the feed no longer has it.</summary>
internal static class CommitReader
{
    // One step: so much a consumer gets in one call, and so long the agent is busy with one consumer.
    private const int MaxCommits = 128;
    private const int MaxEventsFromStore = 1024;

    // Of one commit: with more, it comes without its previous pairs.
    private const int MaxEventsWithPrevious = 4096;
    private const int MaxPreviousBytes = 8 << 20;

    /// <summary>Commits from a revision on; empty when it is still to come, null when it is compacted.</summary>
    public static Commit[]? Read(Replica replica, long from, int max = MaxCommits) =>
        replica.Feed.Read(from, Math.Min(max, MaxCommits)) is { } commits
            ? Array.ConvertAll([.. commits], ToCommit)
            : ReadStore(replica, from, max);

    private static Commit ToCommit(AppliedCommit applied)
    {
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
        var events = new List<Event>();
        var read = 0;
        var revision = from;
        var hasPrevious = true;
        var previousBytes = 0L;
        foreach (var change in view.WatchedEvents(from, view.Revision))
        {
            if (change.Revision != revision)
            {
                Complete();
                if (commits.Count >= Math.Min(max, MaxCommits) || read >= MaxEventsFromStore)
                {
                    return [.. commits];
                }

                revision = change.Revision;
            }

            var @event = view.ReadEvent(change, hasPrevious);
            events.Add(@event);
            read++;
            previousBytes += @event.PrevKv?.Value.Length ?? 0;
            if (hasPrevious && (events.Count > MaxEventsWithPrevious || previousBytes > MaxPreviousBytes))
            {
                hasPrevious = false;
                events.ForEach(static read => read.PrevKv = null);
            }
        }

        Complete();
        return [.. commits];

        void Complete()
        {
            if (events.Count > 0)
            {
                commits.Add(new Commit(revision, [.. events], null, hasPrevious));
                events.Clear();
            }

            (hasPrevious, previousBytes) = (true, 0);
        }
    }
}
