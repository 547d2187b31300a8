using CsCheck;
using Granary.Grains.KeyRanges;
using Granary.Mvcc.Errors;

namespace Granary.Grains.Tests.KeyRanges;

/// <summary>Who may begin a large answer, who waits, and what is given back.</summary>
public sealed class AnswerBudgetTests
{
    private const long Small = AnswerBudget.SmallBytes;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task One_that_finds_no_room_waits_until_it_is_given_back_and_comes_before_those_that_ask_later()
    {
        var budget = new AnswerBudget(8 * Small, maxReading: 10);
        var first = new AnswerShare(budget);
        Assert.True(first.TryTake());
        first.GrowTo(4 * Small);
        Assert.Equal(8 * Small, budget.Bytes);

        using var second = new AnswerShare(budget);
        Assert.False(second.TryTake());
        var waiting = second.Take(Stop);
        using var third = new AnswerShare(budget);
        var behind = third.Take(Stop);
        Assert.Equal(2, budget.WaitingCount);
        first.Dispose();
        await waiting;
        await behind;
        Assert.Equal(4 * Small, budget.Bytes);
        Assert.True(second.TryTake());
    }

    [Fact]
    public async Task Only_so_many_are_read_at_a_time_however_much_room_there_is()
    {
        var budget = new AnswerBudget(1000 * Small, maxReading: 1);
        using var first = new AnswerShare(budget);
        Assert.True(first.TryTake());
        using var second = new AnswerShare(budget);
        Assert.False(second.TryTake());
        var waiting = second.Take(Stop);
        first.EndReading();
        await waiting;
        first.EndReading();
        using var third = new AnswerShare(budget);
        Assert.False(third.TryTake());
    }

    [Fact]
    public async Task Whoever_leaves_makes_room_for_others_and_one_more_than_may_wait_is_turned_away()
    {
        var budget = new AnswerBudget(Small, maxReading: 10, maxWaiting: 1);
        var first = new AnswerShare(budget);
        Assert.True(first.TryTake());
        using var leaving = new CancellationTokenSource();
        using var left = new AnswerShare(budget);
        var waiting = left.Take(leaving.Token);
        using var more = new AnswerShare(budget);
        Assert.Equal(EtcdError.TooManyRequests, (await Assert.ThrowsAsync<EtcdException>(() => more.Take(Stop))).Error);
        await leaving.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
        Assert.Equal(0, budget.WaitingCount);
        var late = more.Take(Stop);
        first.Dispose();
        await late;
    }

    [Fact]
    public void An_answer_that_nobody_wants_any_more_is_told_so_and_takes_nothing()
    {
        var budget = new AnswerBudget(100 * Small, maxReading: 1);
        var share = new AnswerShare(budget);
        Assert.True(share.TryTake());
        share.Dispose();
        Assert.Throws<OperationCanceledException>(() => share.GrowTo(5 * Small));
        share.Dispose();
        share.EndReading();
        Assert.Equal(0, budget.Bytes);
        using var other = new AnswerShare(budget);
        Assert.True(other.TryTake());
    }

    [Fact]
    public void Whatever_happens_all_is_given_back_in_the_end_and_nobody_is_left_waiting() =>
        Gen.Select(Gen.Int[0, 3], Gen.Int[0, 7], Gen.Long[1, 6]).Array[1, 60].Sample(actions =>
        {
            var budget = new AnswerBudget(6 * Small, maxReading: 3);
            var calls = new (AnswerShare Share, Task Taken)?[8];
            foreach (var (action, at, size) in actions)
            {
                switch (action)
                {
                    case 0 when calls[at] is null:
                        var share = new AnswerShare(budget);
                        calls[at] = (share, share.TryTake() ? Task.CompletedTask : share.Take(Stop));
                        break;
                    case 1 when calls[at] is { Share.IsTaken: true } reading:
                        reading.Share.GrowTo(size * Small);
                        break;
                    case 2 when calls[at] is { Share.IsTaken: true } read:
                        read.Share.EndReading();
                        break;
                    case 3 when calls[at] is { Share.IsTaken: true } sent:
                        sent.Share.Dispose();
                        calls[at] = null;
                        break;
                }
            }

            // Each that is done lets others in, until none is left.
            while (Array.FindIndex(calls, static call => call is { Share.IsTaken: true }) is >= 0 and var done)
            {
                calls[done]!.Value.Share.Dispose();
                calls[done] = null;
            }

            Assert.All(calls, static call => Assert.Null(call));
            Assert.Equal((0L, 0), (budget.Bytes, budget.WaitingCount));
        }, iter: 2000);
}
