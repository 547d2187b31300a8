using Google.Protobuf;
using static Granary.Conformance.Tests.Requests;
using static Granary.Protos.Compare.Types;

namespace Granary.Conformance.Tests;

public sealed class SmallTxnPair() : Pair("--max-txn-ops", "16");

/// <summary>The limit of operations as a budget: what a level uses at most, the nested txns of it no longer have.</summary>
public sealed class TxnOperationLimitTests(SmallTxnPair pair) : ConformanceTest(pair), IClassFixture<SmallTxnPair>
{
    [Theory]
    [InlineData(16, true)]
    [InlineData(17, false)]
    public async Task The_limit_is_the_flag(int operations, bool allowed) => await Check(Txn(then: Puts("k", operations)), allowed);

    [Theory]
    [InlineData(7, 8, true)]
    [InlineData(7, 9, false)]
    [InlineData(0, 15, true)]
    [InlineData(0, 16, false)]
    [InlineData(15, 0, true)]
    [InlineData(15, 1, false)]
    [InlineData(16, 0, false)]
    public async Task A_nested_txn_has_what_its_outer_one_left(int beside, int nested, bool allowed)
    {
        await Check(Txn(then: [.. Puts("outer", beside), Txn(then: Puts("inner", nested))]), allowed);
        await Check(Txn(otherwise: [.. Puts("outer", beside), Txn(otherwise: Puts("inner", nested))]), allowed);
    }

    [Theory]
    [InlineData(8, true)]
    [InlineData(9, false)]
    public async Task The_longest_of_compares_success_and_failure_is_what_an_outer_txn_uses(int nested, bool allowed)
    {
        Compare[] eight = [.. Enumerable.Range(0, 8).Select(i => Version($"c{i}", CompareResult.Equal, 0))];
        await Check(Txn(when: eight, then: [Txn(then: Puts("inner", nested))]), allowed);
        await Check(Txn(then: [Txn(then: Puts("inner", nested))], otherwise: Puts("outer", 8)), allowed);
        await Check(Txn(then: [Txn(when: Compares(nested))], otherwise: Puts("outer", 8)), allowed);
    }

    [Fact]
    public async Task Two_nested_txns_have_the_same_budget_each()
    {
        await Check(Txn(then: [Txn(then: Puts("a", 14)), Txn(then: Puts("b", 14))]), allowed: true);
        await Check(Txn(then: [Txn(then: Puts("c", 14)), Txn(then: Puts("d", 15))]), allowed: false);
    }

    [Fact]
    public async Task Nesting_can_be_as_deep_as_the_limit()
    {
        await Check(Nested(depth: 16), allowed: true);
        await Check(Nested(depth: 17), allowed: false);
    }

    private static TxnRequest Nested(int depth) => depth == 1 ? Txn(then: [Put("deep")]) : Txn(then: [Nested(depth - 1)]);

    private static IMessage[] Puts(string prefix, int count) => [.. Enumerable.Range(0, count).Select(i => Put($"{prefix}{i}"))];

    private static Compare[] Compares(int count) =>
        [.. Enumerable.Range(0, count).Select(i => Version($"c{i}", CompareResult.Equal, 0))];

    private async Task Check(TxnRequest request, bool allowed)
    {
        if (allowed)
        {
            await Same(request);
        }
        else
        {
            await SameError(Expected.TooManyOps, request);
        }

        await Same(Everything());
    }
}
