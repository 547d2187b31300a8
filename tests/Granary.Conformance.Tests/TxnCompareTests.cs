using Google.Protobuf;
using static Granary.Conformance.Tests.Requests;
using static Granary.Protos.Compare.Types;

namespace Granary.Conformance.Tests;

public sealed class TxnCompareTests(DefaultPair pair) : ConformanceTest(pair), IClassFixture<DefaultPair>
{
    public static TheoryData<CompareTarget, CompareResult> Compares { get; } =
    [
        .. from target in Enum.GetValues<CompareTarget>()
           from result in Enum.GetValues<CompareResult>()
           select (target, result),
    ];

    [Theory]
    [MemberData(nameof(Compares))]
    public async Task Every_target_and_result_against_less_equal_and_more_on_a_key_and_on_none(CompareTarget target, CompareResult result)
    {
        await Same(Put("a", "m"));
        await Same(Put("a", "m"));
        foreach (var key in new[] { "a", "missing" })
        {
            foreach (var operand in new[] { -1, 0, 1, 2, 3, Start, Start + 1, Start + 2, Start + 3, long.MaxValue, long.MinValue })
            {
                await Evaluate(Compare(key, "", target, result, operand));
            }

            foreach (var value in new[] { "", "l", "m", "m\0", "n", "\u00ff" })
            {
                await Evaluate(Value(key, result, value));
            }
        }
    }

    [Theory]
    [MemberData(nameof(Compares))]
    public async Task Every_target_and_result_over_ranges_holds_only_if_it_holds_for_every_key(CompareTarget target, CompareResult result)
    {
        await Same(Put("a", "m"));
        await Same(Put("b", "m"));
        await Same(Put("b", "n"));
        await Same(Put("c", "m"));
        foreach (var (key, end) in new[] { ("a", "b"), ("a", "c"), ("a", "z"), ("b", "\0"), ("\0", "\0"), ("x", "z"), ("x", "\0"), ("c", "a"), ("a", "a") })
        {
            foreach (var operand in new[] { 0, 1, 2, Start, Start + 1, Start + 2, Start + 3, Start + 4 })
            {
                await Evaluate(Compare(key, end, target, result, operand));
            }

            foreach (var value in new[] { "", "m", "n", "z" })
            {
                await Evaluate(Value(key, result, value, end));
            }
        }
    }

    [Theory]
    [InlineData(CompareResult.Equal)]
    [InlineData(CompareResult.NotEqual)]
    [InlineData(CompareResult.Less)]
    [InlineData(CompareResult.Greater)]
    public async Task A_value_compare_on_a_missing_key_never_holds(CompareResult result)
    {
        Assert.False(await Evaluate(Value("missing", result, "")));
        Assert.False(await Evaluate(Value("missing", result, "x")));
        Assert.False(await Evaluate(Value("missing", result, "", end: "n")));
    }

    [Theory]
    [InlineData(CompareTarget.Version)]
    [InlineData(CompareTarget.Create)]
    [InlineData(CompareTarget.Mod)]
    [InlineData(CompareTarget.Lease)]
    public async Task A_missing_key_compares_as_zero(CompareTarget target)
    {
        Assert.True(await Evaluate(Compare("missing", "", target, CompareResult.Equal, 0)));
        Assert.True(await Evaluate(Compare("missing", "", target, CompareResult.Less, 5)));
        Assert.True(await Evaluate(Compare("missing", "n", target, CompareResult.Equal, 0)));
        Assert.False(await Evaluate(Compare("missing", "", target, CompareResult.Greater, 0)));
        Assert.False(await Evaluate(Compare("missing", "n", target, CompareResult.Greater, 0)));
    }

    [Fact]
    public async Task All_compares_must_hold_and_none_at_all_hold()
    {
        var holds = Version("a", CompareResult.Equal, 0);
        var fails = Version("a", CompareResult.NotEqual, 0);
        Assert.True((await Same(Txn())).Succeeded);
        Assert.True((await Same(Txn(when: [holds, holds]))).Succeeded);
        Assert.False((await Same(Txn(when: [holds, fails]))).Succeeded);
        Assert.False((await Same(Txn(when: [fails, holds]))).Succeeded);
    }

    [Theory]
    [InlineData(CompareTarget.Version)]
    [InlineData(CompareTarget.Create)]
    [InlineData(CompareTarget.Mod)]
    [InlineData(CompareTarget.Value)]
    [InlineData(CompareTarget.Lease)]
    public async Task An_operand_of_another_target_or_none_counts_as_zero_or_empty(CompareTarget target)
    {
        await Same(Put("a", ""));
        await Same(Put("b", "v"));
        foreach (var key in new[] { "a", "b", "missing" })
        {
            foreach (var result in Enum.GetValues<CompareResult>())
            {
                foreach (var operand in new Compare[]
                {
                    new(), new() { Version = 1 }, new() { CreateRevision = Start + 1 }, new() { ModRevision = Start + 2 },
                    new() { Value = Bytes("v") }, new() { Lease = 4 }, new() { Version = 0 }, new() { Value = ByteString.Empty },
                })
                {
                    operand.Key = Bytes(key);
                    operand.Target = target;
                    operand.Result = result;
                    await Evaluate(operand);
                }
            }
        }
    }

    [Fact]
    public async Task An_unknown_result_holds_and_an_unknown_target_compares_as_equal()
    {
        await Same(Put("a", "v"));
        foreach (var key in new[] { "a", "missing" })
        {
            Assert.True(await Evaluate(Version(key, (CompareResult)4, 100)));
            Assert.True(await Evaluate(Created(key, (CompareResult)77, 100)));
            await Evaluate(Value(key, (CompareResult)4, "x"));
            foreach (var result in Enum.GetValues<CompareResult>())
            {
                var compare = Version(key, result, 100);
                compare.Target = (CompareTarget)5;
                Assert.Equal(result == CompareResult.Equal, await Evaluate(compare));
            }
        }
    }

    [Fact]
    public async Task Nested_compares_see_the_state_before_the_txn()
    {
        var nested = Txn(when: [Version("n", CompareResult.Greater, 0)], then: [Put("yes")], otherwise: [Put("no")]);
        var answer = await Same(Txn(then: [Put("n"), nested]));
        Assert.False(answer.Responses[1].ResponseTxn.Succeeded);
        await Same(Everything());

        var afterDelete = Txn(when: [Version("n", CompareResult.Greater, 0)], then: [Range("n")], otherwise: [Range("m")]);
        Assert.True((await Same(Txn(then: [Delete("n"), afterDelete]))).Responses[1].ResponseTxn.Succeeded);
    }

    [Fact]
    public async Task The_shapes_that_clients_rely_on_work()
    {
        // Create if missing, update or delete if unchanged, read otherwise: kube-apiserver's, locks' and elections' txns.
        Assert.True((await Same(Txn([Modified("k", CompareResult.Equal, 0)], [Put("k", "1")], [Range("k")]))).Succeeded);
        Assert.False((await Same(Txn([Modified("k", CompareResult.Equal, 0)], [Put("k", "2")], [Range("k")]))).Succeeded);
        Assert.True((await Same(Txn([Modified("k", CompareResult.Equal, Start + 1)], [Put("k", "3")], [Range("k")]))).Succeeded);
        Assert.False((await Same(Txn([Modified("k", CompareResult.Equal, Start + 1)], [Delete("k")], [Range("k")]))).Succeeded);
        var first = Range("l/", "l0", limit: 1, order: RangeRequest.Types.SortOrder.Ascend, target: RangeRequest.Types.SortTarget.Create);
        await Same(Txn([Created("l/2", CompareResult.Equal, 0)], [Put("l/2"), first], [Range("l/2"), first]));
        await Same(Txn([Created("l/1", CompareResult.Equal, 0)], [Put("l/1"), first], [Range("l/1"), first]));
        await Same(Txn([Created("l/2", CompareResult.Equal, 0)], [Put("l/2"), first], [Range("l/2"), first]));
        await Same(Txn([Value("k", CompareResult.Equal, "3")], [Delete("k")], [Txn([Created("k", CompareResult.Equal, 0)], [Put("k", "4")])]));
        await Same(Txn([Value("k", CompareResult.Equal, "3")], [Delete("k")], [Txn([Created("k", CompareResult.Equal, 0)], [Put("k", "4")])]));
    }

    private static Compare Compare(string key, string end, CompareTarget target, CompareResult result, long operand) => target switch
    {
        CompareTarget.Version => Version(key, result, operand, end),
        CompareTarget.Create => Created(key, result, operand, end),
        CompareTarget.Mod => Modified(key, result, operand, end),
        CompareTarget.Lease => Leased(key, result, operand, end),
        _ => Value(key, result, $"{operand}", end),
    };

    private async Task<bool> Evaluate(Compare compare) => (await Same(Txn(when: [compare]))).Succeeded;
}
