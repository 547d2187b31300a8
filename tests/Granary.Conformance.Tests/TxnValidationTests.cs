using Google.Protobuf;
using static Granary.Conformance.Tests.Requests;
using static Granary.Protos.Compare.Types;

namespace Granary.Conformance.Tests;

/// <summary>What makes a txn refused before anything of it runs, in the branch not taken too.</summary>
public sealed class TxnValidationTests(DefaultPair pair) : ConformanceTest(pair), IClassFixture<DefaultPair>
{
    private static readonly Compare Holds = Version("missing", CompareResult.Equal, 0);
    private static readonly Compare Fails = Version("missing", CompareResult.Greater, 0);

    // Operation lists by the rule that each shows; true: the duplicate-key rule refuses them.
    private static readonly Dictionary<string, (bool Refused, IMessage[] Operations)> DuplicateKeyRows = new()
    {
        ["put a, put a"] = (true, [Put("a"), Put("a")]),
        ["put a, put b, put a"] = (true, [Put("a"), Put("b"), Put("a")]),
        ["put a, del a"] = (true, [Put("a"), Delete("a")]),
        ["del a, put a"] = (true, [Delete("a"), Put("a")]),
        ["del [a,b), put a1"] = (true, [Delete("a", "b"), Put("a1")]),
        ["put a1, del [a,b)"] = (true, [Put("a1"), Delete("a", "b")]),
        ["del [a,b), put b"] = (false, [Delete("a", "b"), Put("b")]),
        ["del a, put a\\0"] = (false, [Delete("a"), Put("a\0")]),
        ["del a, del a"] = (false, [Delete("a"), Delete("a")]),
        ["del [a,c), del [b,d)"] = (false, [Delete("a", "c"), Delete("b", "d")]),
        ["del [a,d), del [b,c), put c"] = (true, [Delete("a", "d"), Delete("b", "c"), Put("c")]),
        ["put a, range a, put b"] = (false, [Put("a"), Range("a"), Put("b")]),
        ["del a, range [a,z)"] = (false, [Delete("a"), Range("a", "z")]),
        ["del [k,\\0), put k"] = (false, [Delete("k", "\0"), Put("k")]),
        ["put k, del [k,\\0)"] = (false, [Put("k"), Delete("k", "\0")]),
        ["del [k,\\0), put m"] = (false, [Delete("k", "\0"), Put("m")]),
        ["put m, del [k,\\0)"] = (false, [Put("m"), Delete("k", "\0")]),
        ["del [\\0,\\0), put a"] = (false, [Delete("\0", "\0"), Put("a")]),
        ["inverted del [c,a), put b"] = (false, [Delete("c", "a"), Put("b")]),
        ["put b, inverted del [c,a)"] = (false, [Put("b"), Delete("c", "a")]),
        ["empty del [b,b), put b"] = (false, [Delete("b", "b"), Put("b")]),
        ["nested{put k}, put k"] = (true, [Txn(then: [Put("k")]), Put("k")]),
        ["put k, nested{put k}"] = (true, [Put("k"), Txn(then: [Put("k")])]),
        ["nested{} else{put k}, put k"] = (true, [Txn(otherwise: [Put("k")]), Put("k")]),
        ["nested{put k}, nested{put k}"] = (true, [Txn(then: [Put("k")]), Txn(then: [Put("k")])]),
        ["nested{put k}, nested{} else{put k}"] = (true, [Txn(then: [Put("k")]), Txn(otherwise: [Put("k")])]),
        ["nested{} else{put k}, nested{put k}"] = (true, [Txn(otherwise: [Put("k")]), Txn(then: [Put("k")])]),
        ["nested{put k} else{put k}"] = (false, [Txn(then: [Put("k")], otherwise: [Put("k")])]),
        ["nested{put k} else{put k}, put k"] = (true, [Txn(then: [Put("k")], otherwise: [Put("k")]), Put("k")]),
        ["nested{del k}, nested{put k}"] = (true, [Txn(then: [Delete("k")]), Txn(then: [Put("k")])]),
        ["nested{} else{del k}, nested{put k}"] = (true, [Txn(otherwise: [Delete("k")]), Txn(then: [Put("k")])]),
        ["nested{put k}, nested{del k}"] = (false, [Txn(then: [Put("k")]), Txn(then: [Delete("k")])]),
        ["nested{then: del k; else: put k}"] = (false, [Txn(then: [Delete("k")], otherwise: [Put("k")])]),
        ["nested{then: put k; else: del k}"] = (false, [Txn(then: [Put("k")], otherwise: [Delete("k")])]),
        ["nested{del k}, put k"] = (true, [Txn(then: [Delete("k")]), Put("k")]),
        ["del k, nested{put k}"] = (true, [Delete("k"), Txn(then: [Put("k")])]),
        ["nested{put k}, del k"] = (true, [Txn(then: [Put("k")]), Delete("k")]),
        ["put k, nested{del k}"] = (true, [Put("k"), Txn(then: [Delete("k")])]),
        ["nested{del [a,z)}, nested{put k}"] = (true, [Txn(then: [Delete("a", "z")]), Txn(then: [Put("k")])]),
        ["nested{del [a,\\0)}, nested{put k}"] = (false, [Txn(then: [Delete("a", "\0")]), Txn(then: [Put("k")])]),
        ["nested{nested{put k}}, put k"] = (true, [Txn(then: [Txn(then: [Put("k")])]), Put("k")]),
        ["nested{nested{put k}} else{put k}"] = (false, [Txn(then: [Txn(then: [Put("k")])], otherwise: [Put("k")])]),
        ["nested{nested{del k}}, nested{nested{put k}}"] =
            (true, [Txn(then: [Txn(then: [Delete("k")])]), Txn(then: [Txn(then: [Put("k")])])]),
        ["nested{put k, put k}"] = (true, [Txn(then: [Put("k"), Put("k")])]),
        ["nested{} else{put k, put k}"] = (true, [Txn(otherwise: [Put("k"), Put("k")])]),
    };

    public static TheoryData<string> DuplicateKeyRowNames { get; } = [.. DuplicateKeyRows.Keys];

    [Theory]
    [MemberData(nameof(DuplicateKeyRowNames))]
    public async Task The_duplicate_key_rule_holds_in_either_branch_taken_or_not(string row)
    {
        var (refused, operations) = DuplicateKeyRows[row];
        var requests = new[]
        {
            Txn(then: operations), Txn(when: [Fails], then: operations), Txn(otherwise: operations), Txn(when: [Fails], otherwise: operations),
        };
        foreach (var request in requests)
        {
            if (refused)
            {
                await SameError(Expected.DuplicateKey, request);
            }
            else
            {
                await Same(request);
            }

            await Same(Everything());
        }
    }

    [Fact]
    public async Task One_key_may_be_put_in_both_branches()
    {
        await Same(Txn(then: [Put("k", "1")], otherwise: [Put("k", "2")]));
        await Same(Txn(when: [Fails], then: [Put("k", "1")], otherwise: [Put("k", "2")]));
        await Same(Txn(then: [Delete("k")], otherwise: [Put("k", "3")]));
        await Same(Everything());
    }

    [Fact]
    public async Task Empty_keys_are_refused_in_compares_and_operations_of_any_branch_and_depth()
    {
        await SameError(Expected.EmptyKey, Txn(when: [Version("", CompareResult.Equal, 0)]));
        await SameError(Expected.EmptyKey, Txn(when: [Holds, Value("", CompareResult.Equal, "", end: "\0")]));
        foreach (var operation in new IMessage[] { Put(""), Range(""), Delete(""), Range("", "\0"), Delete("", "\0") })
        {
            await SameError(Expected.EmptyKey, Txn(then: [operation]));
            await SameError(Expected.EmptyKey, Txn(otherwise: [operation]));
            await SameError(Expected.EmptyKey, Txn(when: [Fails], then: [operation]));
            await SameError(Expected.EmptyKey, Txn(then: [Put("a"), Txn(otherwise: [operation])]));
        }

        await SameError(Expected.EmptyKey, Txn(then: [Txn(when: [Version("", CompareResult.Equal, 0)])]));
        Assert.Equal(0, (await Same(Everything())).Count);
    }

    [Fact]
    public async Task Provided_values_and_leases_are_refused_in_any_branch()
    {
        await SameError(Expected.ValueProvided, Txn(then: [Put("a", "v", ignoreValue: true)]));
        await SameError(Expected.ValueProvided, Txn(otherwise: [Put("a", "v", ignoreValue: true)]));
        await SameError(Expected.LeaseProvided, Txn(then: [Put("a", "v", lease: 3, ignoreLease: true)]));
        await SameError(Expected.LeaseProvided, Txn(otherwise: [Txn(otherwise: [Put("a", "v", lease: 3, ignoreLease: true)])]));
    }

    [Fact]
    public async Task An_operation_without_a_request_is_refused_as_a_key_not_found()
    {
        await SameError(Expected.KeyNotFound, Txn(then: [new RequestOp()]));
        await SameError(Expected.KeyNotFound, Txn(otherwise: [new RequestOp()]));
        await SameError(Expected.KeyNotFound, Txn(then: [Put("a"), new RequestOp(), Put("")]));
        await SameError(Expected.EmptyKey, Txn(then: [Put(""), new RequestOp()]));
    }

    [Fact]
    public async Task Compares_are_looked_at_before_operations_and_success_before_failure_and_shapes_before_duplicates()
    {
        await SameError(Expected.EmptyKey, Txn(when: [Version("", CompareResult.Equal, 0)], then: [Put("a", "v", ignoreValue: true)]));
        await SameError(Expected.ValueProvided, Txn(then: [Put("a", "v", ignoreValue: true)], otherwise: [Put("")]));
        await SameError(Expected.EmptyKey, Txn(then: [Put("")], otherwise: [Put("a", "v", ignoreValue: true)]));
        await SameError(Expected.EmptyKey, Txn(then: [Put("a"), Put("a")], otherwise: [Put("")]));
        await SameError(Expected.DuplicateKey, Txn(then: [Put("a"), Put("a"), Put("b", "", lease: 9)]));
        await SameError(Expected.DuplicateKey, Txn(then: [Put("a", "", ignoreValue: true), Put("a")]));
    }

    [Theory]
    [InlineData(128, true)]
    [InlineData(129, false)]
    public async Task The_limit_of_operations_counts_compares_success_and_failure_each_for_itself(int operations, bool allowed)
    {
        IMessage[] puts = [.. Enumerable.Range(0, operations).Select(i => Put($"k{i}"))];
        Compare[] compares = [.. Enumerable.Range(0, operations).Select(i => Version($"k{i}", CompareResult.Equal, 7))];
        IMessage[] ranges = [.. Enumerable.Range(0, operations).Select(i => Range($"k{i}"))];
        foreach (var request in new[]
        {
            Txn(then: puts), Txn(otherwise: puts), Txn(when: compares), Txn(then: ranges), Txn(compares, puts, ranges), Txn(compares, ranges, puts),
        })
        {
            if (allowed)
            {
                await Same(request);
            }
            else
            {
                await SameError(Expected.TooManyOps, request);
            }
        }

        await Same(Range("k", "l"));
    }

    [Fact]
    public async Task Too_many_operations_are_noticed_before_their_shape()
    {
        IMessage[] malformed = [.. Enumerable.Range(0, 129).Select(_ => Put(""))];
        await SameError(Expected.TooManyOps, Txn(when: [Version("", CompareResult.Equal, 0)], then: malformed));
        await SameError(Expected.TooManyOps, Txn(otherwise: malformed));
    }
}
