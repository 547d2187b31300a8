namespace Granary.Nemesis.Tests.Histories;

/// <summary>
/// Finds what in a history breaks a promise of the API. The log fixes the order of the writes, so each other answer has one right value: no
/// search for an order is needed. Of what is left open by a call without an answer, both is allowed.
/// </summary>
internal sealed class HistoryChecker
{
    private readonly History _history;
    private readonly Timeline _timeline;
    private readonly List<string> _violations = [];
    private readonly Dictionary<string, Call> _writes = [];

    // Who waits for a lock, or has it, has a key without a value.
    private readonly HashSet<string> _lockKeys;

    private HistoryChecker(History history)
    {
        _history = history;
        _timeline = new Timeline(history.Log);
        _lockKeys = [.. history.Calls.Select(static call => call.Operation).OfType<Operation.Lock>().Select(static wanted => wanted.Key)];
    }

    /// <summary>Every violation, in words; none when all is well.</summary>
    public static IReadOnlyList<string> Violations(History history)
    {
        var checker = new HistoryChecker(history);
        checker.CheckLog();
        checker.CheckWrites();
        checker.CheckDeletions();
        checker.CheckReads();
        checker.CheckCompactions();
        checker.CheckLocks();
        checker.CheckUsers();
        checker.CheckRealTime();
        checker.CheckLeases();
        checker.CheckWatchers();
        checker.CheckFinal();
        return checker._violations;
    }

    private void CheckLog()
    {
        var revision = 1L;
        Dictionary<string, string> state = [];
        foreach (var change in _history.Log)
        {
            Require(change.Revision == revision || change.Revision == revision + 1, $"the log goes from revision {revision} to {change.Revision}");
            revision = change.Revision;
            Require(state.GetValueOrDefault(change.Key) == change.Previous, $"{change} has another value before it: {state.GetValueOrDefault(change.Key) ?? "none"}");
            if (change.Value is null)
            {
                state.Remove(change.Key);
            }
            else
            {
                state[change.Key] = change.Value;
            }
        }
    }

    private void CheckWrites()
    {
        foreach (var call in _history.Calls.Where(static call => call.Operation is Operation.Write))
        {
            var write = (Operation.Write)call.Operation;
            _writes.Add(write.Value, call);
            var changes = _timeline.WritesOf(write.Value);
            if (call.Answer is { HasSucceeded: false } refused)
            {
                Require(changes.Count == 0, $"a write whose condition failed was done: {call}");
                Require(_timeline.ModRevision(write.Keys[0], refused.Revision) != write.IfModRevision, $"a condition that held has failed: {call}");
                continue;
            }

            if (call.Answer is not null)
            {
                Require(changes.Count > 0, $"an acknowledged write is lost: {call}");
                Require(changes.All(change => change.Revision == call.Answer.Revision), $"a write is not at its revision: {call}");
            }

            if (changes.Count > 0)
            {
                var revision = changes[0].Revision;
                Require(
                    changes.All(change => change.Revision == revision) && _timeline.At(revision).Select(static change => change.Key).Order().SequenceEqual(write.Keys.Order()),
                    $"a write is in parts, more than once, or with others at one revision: {call}");
                Require(
                    write.IfModRevision is null || _timeline.ModRevision(write.Keys[0], revision - 1) == write.IfModRevision,
                    $"a write was done whose condition did not hold: {call}");
            }
        }

        foreach (var change in _history.Log)
        {
            Require(change.Value is null || _writes.ContainsKey(change.Value) || (change.Value.Length == 0 && _lockKeys.Contains(change.Key)), $"nobody has written {change}");
        }
    }

    private void CheckDeletions()
    {
        HashSet<(string Key, long Revision)> told = [];
        Dictionary<string, int> unknown = [];
        foreach (var call in _history.Calls.Where(static call => call.Operation is Operation.Delete))
        {
            var key = ((Operation.Delete)call.Operation).Key;
            switch (call.Answer)
            {
                case null:
                    unknown[key] = unknown.GetValueOrDefault(key) + 1;
                    break;
                case { HasSucceeded: true } done:
                    Require(
                        _timeline.At(done.Revision) is [{ Value: null } change] && change.Key == key && told.Add((key, done.Revision)),
                        $"an acknowledged deletion is lost, or not the only one at its revision: {call}");
                    break;
                case { } none:
                    Require(_timeline.ModRevision(key, none.Revision) == 0, $"a key was not found that was there: {call}");
                    break;
            }
        }

        foreach (var change in _history.Log.Where(change => change.Value is null && !told.Contains((change.Key, change.Revision))))
        {
            if (LeaseOf(change) == 0 && !_lockKeys.Contains(change.Key))
            {
                unknown[change.Key] = unknown.GetValueOrDefault(change.Key) - 1;
                Require(unknown[change.Key] >= 0, $"nobody has deleted {change}");
            }
        }
    }

    private void CheckReads()
    {
        foreach (var call in _history.Calls.Where(static call => call is { Operation: Operation.Read, Answer.HasSucceeded: true }))
        {
            var read = (Operation.Read)call.Operation;
            Require(call.Answer!.Revision <= _timeline.Last, $"a revision that never was: {call}");
            var revision = read.Revision ?? call.Answer.Revision;
            var expected = (read.Key is null ? _timeline.Pairs(revision) : _timeline.Pairs(revision, read.Key)).ToList();
            Require(expected.SequenceEqual(call.Answer.Pairs), $"not the state at its revision, which is {string.Join(", ", expected)}: {call}");
        }
    }

    /// <summary>What was before a compaction is gone from then on, and nothing else is.</summary>
    private void CheckCompactions()
    {
        var compactions = _history.Calls.Where(static call => call.Operation is Operation.Compact).ToList();
        var begun = new HighestUntil(compactions.Select(static call => (call.Start, ((Operation.Compact)call.Operation).Revision)));
        var done = new HighestUntil(compactions.Where(static call => call.Answer is { HasSucceeded: true }).Select(static call => (call.End, ((Operation.Compact)call.Operation).Revision)));
        foreach (var call in _history.Calls.Where(static call => call is { Operation: Operation.Read { Revision: not null }, Answer: not null }))
        {
            var revision = ((Operation.Read)call.Operation).Revision!.Value;
            Require(call.Answer!.HasSucceeded ? revision >= done.At(call.Start) : revision < begun.At(call.End), $"compacted, or not, against what was asked for: {call}");
        }

        foreach (var call in compactions.Where(static call => call.Answer is not null))
        {
            var revision = ((Operation.Compact)call.Operation).Revision;
            Require(
                call.Answer!.HasSucceeded
                    ? revision > done.At(call.Start)
                    : compactions.Any(other => !ReferenceEquals(other, call) && other.Start < call.End && ((Operation.Compact)other.Operation).Revision >= revision),
                $"compacted twice, or refused as if it were: {call}");
        }
    }

    /// <summary>A lock has one holder at most, from the answer until it is given back or its lease may have ended.</summary>
    private void CheckLocks()
    {
        var unlocked = _history.Calls.Where(static call => call.Operation is Operation.Unlock)
            .ToLookup(static call => ((Operation.Unlock)call.Operation).Held.Key, static call => call.Start);
        var proved = _history.Calls.Where(static call => call is { Operation: Operation.Renew, Answer.HasSucceeded: true })
            .ToLookup(static call => ((Operation.Renew)call.Operation).Lease, static call => (Proved: call.Start, Until: call.Start + ((Operation.Renew)call.Operation).Ttl));
        foreach (var name in _history.Calls.Where(static call => call is { Operation: Operation.Lock, Answer: not null }).GroupBy(static call => ((Operation.Lock)call.Operation).Name))
        {
            Call? before = null;
            var held = TimeSpan.Zero;
            foreach (var call in name.OrderBy(static call => call.End))
            {
                var taken = (Operation.Lock)call.Operation;
                Require(
                    _timeline.Pairs(call.Answer!.Revision).Where(pair => pair.Key.StartsWith(taken.Name + "/", StringComparison.Ordinal)).MinBy(static pair => pair.ModRevision)?.Key == taken.Key,
                    $"a lock was given to who was not the first: {call}");
                Require(call.End >= held, $"a lock has two holders: {call}; the other, until {held}: {before}");
                var end = unlocked[taken.Key].Where(start => start >= call.End).DefaultIfEmpty(TimeSpan.MaxValue).Min();
                var until = proved[taken.Lease].Select(static renewal => renewal.Until).DefaultIfEmpty(TimeSpan.Zero).Max();
                (before, held) = (call, end < until ? end : until);
            }
        }
    }

    /// <summary>What is permitted is done from then on, and what is not permitted any more is refused.</summary>
    private void CheckUsers()
    {
        var permits = new Permits(_history.Calls);
        foreach (var call in _history.Calls)
        {
            var isDone = call.Answer?.HasSucceeded ?? (call.Operation is Operation.Write write && _timeline.WritesOf(write.Value).Count > 0 ? true : null);
            if (call.Operation.RestrictedUser is { } user && isDone is { } isPermitted)
            {
                Require(permits.MayHaveBeen(user, isPermitted, call.Start, call.End), $"permitted, or not, against what an administrator has said: {call}");
            }
        }
    }

    /// <summary>What began after something had ended is not before it.</summary>
    private void CheckRealTime()
    {
        List<(Call Call, long Revision, bool IsEffective)> placed = [];
        foreach (var call in _history.Calls)
        {
            var isEffective = call is { Operation: Operation.Write or Operation.Delete, Answer: null or { HasSucceeded: true } };
            var revision = call.Answer?.Revision ?? (call.Operation is Operation.Write write ? _timeline.RevisionOf(write.Value) : null);
            var hasNoHeader = call is { Operation: Operation.Read or Operation.Compact or Operation.Write { User: not null }, Answer.HasSucceeded: false };
            if (revision is { } known && !hasNoHeader && call.Operation is not (Operation.Renew or Operation.Read { IsSerializable: true }))
            {
                placed.Add((call, known, isEffective));
            }
        }

        var ended = placed.Where(static place => place.Call.Answer is not null).OrderBy(static place => place.Call.End).ToList();
        var next = 0;
        Call? highest = null;
        foreach (var (call, revision, isEffective) in placed.OrderBy(static place => place.Call.Start))
        {
            for (; next < ended.Count && ended[next].Call.End < call.Start; next++)
            {
                highest = highest is null || ended[next].Revision > highest.Answer!.Revision ? ended[next].Call : highest;
            }

            Require(
                highest is null || revision > highest.Answer!.Revision || (revision == highest.Answer.Revision && !isEffective),
                $"it is at revision {revision}, though it began after another had ended at {highest?.Answer?.Revision}: {call}; the other: {highest}");
        }
    }

    private void CheckLeases()
    {
        Dictionary<long, long> expiries = [];
        foreach (var change in _history.Log.Where(static change => change.Value is null))
        {
            if (LeaseOf(change) is not 0 and var lease)
            {
                expiries.TryAdd(lease, change.Revision);
            }
        }

        // The first moment at which a state is known to have been there, for each revision.
        var seen = _history.Calls.Where(static call => call.Answer is not null)
            .Select(static call => (call.End, call.Answer!.Revision))
            .Concat([(End: TimeSpan.MaxValue, Revision: long.MaxValue)])
            .OrderBy(static seen => seen.Revision).ToArray();
        for (var i = seen.Length - 2; i >= 0; i--)
        {
            seen[i].End = seen[i].End < seen[i + 1].End ? seen[i].End : seen[i + 1].End;
        }

        var revisions = Array.ConvertAll(seen, static seen => seen.Revision);
        foreach (var call in _history.Calls.Where(static call => call is { Operation: Operation.Renew, Answer.HasSucceeded: true }))
        {
            var renew = (Operation.Renew)call.Operation;
            if (expiries.TryGetValue(renew.Lease, out var expiry))
            {
                var known = seen[FirstAtLeast(revisions, expiry)].End;
                Require(call.Start <= known, $"a lease was renewed that had ended: {call}");
                Require(known >= call.Start + renew.Ttl, $"a lease ended at {known}, before its time: {call}");
            }
        }
    }

    private void CheckWatchers()
    {
        foreach (var watcher in _history.Watchers)
        {
            var told = watcher.Responses.SelectMany(static response => response).ToList();
            var last = told.Count == 0 ? 0 : told[^1].Revision;
            var expected = _history.Log.Where(change => change.Revision >= watcher.Start && change.Revision <= last).ToList();
            var place = expected.Zip(told).TakeWhile(static pair => pair.First == pair.Second).Count();
            Require(
                place == expected.Count && place == told.Count,
                $"{watcher.Name} was told {told.ElementAtOrDefault(place)?.ToString() ?? "nothing"} where the log has {expected.ElementAtOrDefault(place)?.ToString() ?? "nothing"}");
            foreach (var (first, second) in watcher.Responses.Zip(watcher.Responses.Skip(1)))
            {
                Require(first[^1].Revision < second[0].Revision, $"{watcher.Name} was told of revision {second[0].Revision} in parts, or again");
            }
        }
    }

    private void CheckFinal() => Require(_timeline.Pairs(long.MaxValue).SequenceEqual(_history.Final), "the pairs at the end are not what the log comes to");

    /// <summary>The lease of the value that an event deletes, 0 if it has none.</summary>
    private long LeaseOf(Change deletion) => deletion.Previous is { } value && _writes.TryGetValue(value, out var call) ? ((Operation.Write)call.Operation).Lease : 0;

    private static int FirstAtLeast(long[] sorted, long value)
    {
        var place = Array.BinarySearch(sorted, value);
        place = place < 0 ? ~place : place;
        while (place > 0 && sorted[place - 1] == value)
        {
            place--;
        }

        return place;
    }

    private void Require(bool holds, string violation)
    {
        if (!holds)
        {
            _violations.Add(violation);
        }
    }
}
