using Granary.Nemesis.Tests.Histories;

namespace Granary.Nemesis.Tests;

/// <summary>The checker of histories finds each kind of broken promise, and nothing in a history that keeps them.</summary>
public sealed class HistoryCheckerTests
{
    private static readonly Operation.Lock First = new("lock", 0x1a);
    private static readonly Operation.Lock Second = new("lock", 0x1b);

    // What follows changes one thing of this history.
    private static readonly History Kept = new(
        [
            At(1, 2, new Operation.Write(["a"], "1"), Yes(2)),
            At(3, 4, new Operation.Write(["a", "b"], "2", IfModRevision: 2), Yes(3)),
            At(3, 5, new Operation.Write(["a"], "refused", IfModRevision: 2), No(3)),
            At(5, 6, new Operation.Read(null), Yes(3, new Pair("a", "2", 3), new Pair("b", "2", 3))),
            At(6, 6.5, new Operation.Write(["c"], "lost on the way"), null),
            At(6.6, 6.7, new Operation.Write(["c"], "never done"), null),
            At(7, 8, new Operation.Renew(7, TimeSpan.FromSeconds(5)), Yes(4)),
            At(8, 9, new Operation.Write(["l"], "leased", Lease: 7), Yes(5)),
            At(9, 10, new Operation.Renew(7, TimeSpan.FromSeconds(5)), Yes(5)),
            At(11, 12, new Operation.Delete("b"), Yes(6)),
            At(12, 13, new Operation.Delete("nothing"), No(6)),
            At(13, 14, new Operation.Delete("c"), null),
            At(14, 15, new Operation.Read("a", IsSerializable: true), Yes(2, new Pair("a", "1", 2))),
            At(18, 19, new Operation.Read("l"), Yes(8)),
            At(20, 21, new Operation.Read("a", Revision: 2), Yes(8, new Pair("a", "1", 2))),
            At(21, 22, new Operation.Compact(3), Yes(8)),
            At(22, 23, new Operation.Compact(2), No(0)),
            At(22, 23, new Operation.Read("a", Revision: 2), No(0)),
            At(23, 24, new Operation.Read("a", Revision: 3), Yes(8, new Pair("a", "2", 3))),
            At(24, 25, new Operation.Renew(0x1a, TimeSpan.FromSeconds(5)), Yes(8)),
            At(24, 25, new Operation.Renew(0x1b, TimeSpan.FromSeconds(5)), Yes(8)),
            At(25, 26, First, Yes(9)),
            At(25, 28, Second, Yes(11)),
            At(27, 27.5, new Operation.Unlock(First), Yes(11)),
        ],
        [
            new Change(2, "a", "1", null),
            new Change(3, "a", "2", "1"),
            new Change(3, "b", "2", null),
            new Change(4, "c", "lost on the way", null),
            new Change(5, "l", "leased", null),
            new Change(6, "b", null, "2"),
            new Change(7, "c", null, "lost on the way"),
            new Change(8, "l", null, "leased"),
            new Change(9, "lock/1a", "", null),
            new Change(10, "lock/1b", "", null),
            new Change(11, "lock/1a", null, ""),
        ],
        [],
        [new Pair("a", "2", 3), new Pair("lock/1b", "", 10)]);

    [Fact]
    public void A_history_that_keeps_all_promises_has_no_violation()
    {
        Assert.Empty(HistoryChecker.Violations(Kept));
        Assert.Empty(HistoryChecker.Violations(Watched(Kept.Log.GroupBy(static change => change.Revision).Select(static group => group.ToArray()))));
    }

    [Fact]
    public void A_lost_write_is_found() => Finds("an acknowledged write is lost", With(At(30, 31, new Operation.Write(["x"], "x"), Yes(12))));

    [Fact]
    public void A_lost_deletion_is_found() => Finds("an acknowledged deletion is lost", With(At(30, 31, new Operation.Delete("a"), Yes(12))));

    [Fact]
    public void A_write_at_another_revision_is_found() => Finds("not at its revision", Changed(0, static call => call with { Answer = Yes(3) }));

    [Fact]
    public void A_split_revision_is_found() =>
        Finds("in parts, more than once", Kept with { Log = [.. Kept.Log.Select(static change => change with { Revision = change.Revision + (change.Key == "b" || change.Revision > 3 ? 1 : 0) })] });

    [Fact]
    public void A_write_that_was_done_twice_is_found() =>
        Finds("more than once", Kept with { Log = [.. Kept.Log, new Change(12, "c", "lost on the way", null)], Final = [.. Kept.Final, new Pair("c", "lost on the way", 12)] });

    [Fact]
    public void A_stale_read_is_found() => Finds("though it began after", With(At(20, 21, new Operation.Read("a"), Yes(2, new Pair("a", "1", 2)))));

    [Fact]
    public void A_header_that_goes_back_is_found() => Finds("though it began after", With(At(20, 21, new Operation.Read("none"), Yes(7))));

    [Fact]
    public void A_write_before_what_had_ended_is_found() =>
        Finds("though it began after", Changed(0, static call => call with { Start = TimeSpan.FromSeconds(30), End = TimeSpan.FromSeconds(31) }));

    [Fact]
    public void A_read_of_another_state_is_found() => Finds("not the state at its revision", With(At(19, 20, new Operation.Read("a"), Yes(8, new Pair("a", "1", 2)))));

    [Fact]
    public void A_read_ahead_of_all_writes_is_found() => Finds("never was", With(At(19, 20, new Operation.Read("none"), Yes(12))));

    [Fact]
    public void A_condition_that_held_and_failed_is_found() => Finds("a condition that held has failed", Changed(2, static call => call with { Answer = No(2) }));

    [Fact]
    public void A_write_without_its_condition_is_found() =>
        Finds("condition did not hold", Changed(1, static call => call with { Operation = (Operation.Write)call.Operation with { IfModRevision = 0 } }));

    [Fact]
    public void A_value_of_nobody_is_found() => Finds("nobody has written", Kept with { Log = [.. Kept.Log, new Change(12, "x", "x", null)], Final = [.. Kept.Final, new Pair("x", "x", 12)] });

    [Fact]
    public void A_deletion_of_nobody_is_found() => Finds("nobody has deleted", Kept with { Log = [.. Kept.Log, new Change(12, "a", null, "2")], Final = [new Pair("lock/1b", "", 10)] });

    [Fact]
    public void A_revision_that_is_missing_is_found() =>
        Finds("the log goes from", Kept with { Log = [.. Kept.Log, new Change(13, "a", null, "2")], Final = [new Pair("lock/1b", "", 10)] });

    [Fact]
    public void A_wrong_previous_value_is_found() => Finds("has another value before it", Kept with { Log = [.. Kept.Log.SkipLast(1), Kept.Log[^1] with { Previous = "other" }] });

    [Fact]
    public void An_early_expiry_is_found() =>
        Finds("before its time", Changed(8, static call => call with { Operation = new Operation.Renew(7, TimeSpan.FromSeconds(60)) }));

    [Fact]
    public void A_renewal_of_what_has_ended_is_found() =>
        Finds("renewed that had ended", With(At(20, 21, new Operation.Renew(7, TimeSpan.FromSeconds(5)), Yes(8))));

    [Fact]
    public void A_compacted_revision_that_is_there_is_found() =>
        Finds("compacted, or not", With(At(30, 31, new Operation.Read("a", Revision: 2), Yes(11, new Pair("a", "1", 2)))));

    [Fact]
    public void A_revision_that_is_gone_without_a_compaction_is_found() => Finds("compacted, or not", With(At(30, 31, new Operation.Read("a", Revision: 3), No(0))));

    [Fact]
    public void A_state_of_the_past_that_is_another_is_found() =>
        Finds("not the state at its revision", With(At(30, 31, new Operation.Read("a", Revision: 3), Yes(11, new Pair("a", "1", 2)))));

    [Fact]
    public void A_second_compaction_is_found() => Finds("compacted twice", With(At(30, 31, new Operation.Compact(3), Yes(11))));

    [Fact]
    public void A_compaction_that_is_refused_for_nothing_is_found() => Finds("refused as if", With(At(30, 31, new Operation.Compact(4), No(0))));

    [Fact]
    public void Two_holders_of_a_lock_are_found() => Finds("two holders", Changed(Kept.Calls.Count - 1, static call => call with { Start = TimeSpan.FromSeconds(28.5) }));

    [Fact]
    public void A_lock_out_of_turn_is_found() => Finds("not the first", Changed(Kept.Calls.Count - 2, static call => call with { Answer = Yes(10) }));

    [Fact]
    public void Other_pairs_at_the_end_are_found() => Finds("at the end", Kept with { Final = [] });

    [Fact]
    public void A_gap_in_a_watch_is_found() => Finds("was told", Watched([[Kept.Log[0]], [Kept.Log[3]]]));

    [Fact]
    public void A_repeated_event_is_found() => Finds("was told", Watched([[Kept.Log[0]], [Kept.Log[0]], [Kept.Log[1], Kept.Log[2]]]));

    [Fact]
    public void A_revision_in_two_responses_is_found() => Finds("in parts", Watched([[Kept.Log[0]], [Kept.Log[1]], [Kept.Log[2]]]));

    [Fact]
    public void Events_out_of_order_are_found() => Finds("was told", Watched([[Kept.Log[1], Kept.Log[2]], [Kept.Log[0]]]));

    [Fact]
    public void A_right_that_is_given_and_taken_is_no_violation() => Assert.Empty(HistoryChecker.Violations(WithUser));

    [Fact]
    public void A_right_that_holds_before_it_is_given_is_found() =>
        Finds("permitted, or not", And(At(28.6, 29, new Operation.Read("r", User: "user"), Yes(11))));

    [Fact]
    public void A_right_that_holds_after_it_was_taken_is_found() =>
        Finds("permitted, or not", And(At(37, 38, new Operation.Read("r", User: "user"), Yes(12, new Pair("r", "restricted", 12)))));

    [Fact]
    public void A_write_without_an_answer_that_was_never_permitted_is_found() =>
        Finds("permitted, or not", And(At(37, 38, new Operation.Write(["s"], "taken", User: "user"), null)) with
        {
            Log = [.. WithUser.Log, new Change(13, "s", "taken", null)],
            Final = [.. WithUser.Final, new Pair("s", "taken", 13)],
        });

    [Fact]
    public void A_right_that_is_refused_though_it_was_given_is_found() =>
        Finds("permitted, or not", And(At(32, 33, new Operation.Read("r", User: "user"), No(0))));

    [Fact]
    public void A_write_that_was_refused_and_is_there_is_found() =>
        Finds("a write whose condition failed was done", And(At(35, 36, new Operation.Write(["s"], "taken", User: "user"), No(0))) with
        {
            Log = [.. WithUser.Log, new Change(13, "s", "taken", null)],
            Final = [.. WithUser.Final, new Pair("s", "taken", 13)],
        });

    private static History WithUser => Kept with
    {
        Calls =
        [
            .. Kept.Calls,
            At(28, 28.5, new Operation.Read("r", User: "user"), No(0)),
            At(30, 31, new Operation.Permit("user", IsPermitted: true), Yes(11)),
            At(30, 31, new Operation.Read("r", User: "user"), No(0)),
            At(32, 33, new Operation.Write(["r"], "restricted", User: "user"), Yes(12)),
            At(34, 35, new Operation.Permit("user", IsPermitted: false), Yes(12)),
            At(35.5, 36, new Operation.Write(["r"], "refused to the user", User: "user"), No(0)),
            At(36, 37, new Operation.Permit("other", IsPermitted: true), null),
            At(37, 38, new Operation.Read("r", User: "other"), Yes(12, new Pair("r", "restricted", 12))),
            At(38, 39, new Operation.Read("r", User: "other"), No(0)),
        ],
        Log = [.. Kept.Log, new Change(12, "r", "restricted", null)],
        Final = [.. Kept.Final, new Pair("r", "restricted", 12)],
    };

    private static History And(Call call) => WithUser with { Calls = [.. WithUser.Calls, call] };

    private static void Finds(string violation, History history) =>
        Assert.Contains(HistoryChecker.Violations(history), found => found.Contains(violation, StringComparison.Ordinal));

    private static History With(Call call) => Kept with { Calls = [.. Kept.Calls, call] };

    private static History Changed(int index, Func<Call, Call> change) => Kept with { Calls = [.. Kept.Calls.Select((call, i) => i == index ? change(call) : call)] };

    private static History Watched(IEnumerable<IReadOnlyList<Change>> responses) => Kept with { Watchers = [new Watcher("the watcher", 1, [.. responses])] };

    private static Call At(double start, double end, Operation operation, Answer? answer) => new(1, operation, TimeSpan.FromSeconds(start), TimeSpan.FromSeconds(end), answer);

    private static Answer Yes(long revision, params Pair[] pairs) => new(revision, HasSucceeded: true, pairs);

    private static Answer No(long revision) => new(revision, HasSucceeded: false, []);
}
