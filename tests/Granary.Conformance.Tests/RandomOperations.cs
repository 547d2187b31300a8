using CsCheck;
using Google.Protobuf;
using static Granary.Conformance.Tests.Requests;
using static Granary.Protos.Compare.Types;
using static Granary.Protos.RangeRequest.Types;

namespace Granary.Conformance.Tests;

/// <summary>
/// Random requests with every option over few keys, so that they meet. Nothing of Granary decides what is generated: bad requests
/// too are asked of both. Revisions are small numbers counted from where a sequence starts, see <see cref="From"/>.
/// </summary>
internal static class RandomOperations
{
    private const int LargeValueBytes = 60_000;

    // Prefixes of each other, neighbours, and the bytes 00 and FF where ranges treat them specially.
    private static readonly string[] KeyNames =
    [
        "\0", "\0\0", "a", "a\0", "a\0\0", "a\u0001", "a\u00ff", "ab", "abc", "b", "b\0", "\u0080", "\u00ff", "\u00ff\u00ff",
    ];

    private static readonly Gen<ByteString> Key = Gen.Frequency(
        (60, OneOf(KeyNames).Select(Bytes)), (1, Gen.Const(ByteString.Empty)));

    private static readonly Gen<ByteString> RangeEnd = Gen.Frequency(
        (4, Gen.Const(ByteString.Empty)), (4, Key), (1, Gen.Const(Bytes("\0"))));

    private static readonly Gen<ByteString> Value = Gen.Frequency(
        (4, Gen.Const(ByteString.Empty)),
        (30, OneOf("x", "y", "x\0", "\u00ff").Select(Bytes)),
        (1, Gen.Byte.Select(fill => ByteString.CopyFrom([.. Enumerable.Repeat(fill, LargeValueBytes)]))));

    private static readonly Gen<long> Lease = Gen.Frequency((40, Gen.Const(0L)), (1, OneOf(7L, -1L)));

    private static readonly Gen<long> ReadRevision = Gen.Frequency((6, Gen.Const(0L)), (4, Gen.Long[1, 25]), (1, OneOf(-1L, long.MaxValue)));

    private static readonly Gen<long> Bound = Gen.Frequency((6, Gen.Const(0L)), (2, Gen.Long[1, 25]), (1, OneOf(-1L, long.MaxValue)));

    public static readonly Gen<RangeRequest> Range = Gen.Select(
        Gen.Select(Key, RangeEnd, Gen.Long[-1, 5], ReadRevision),
        Gen.Select(Gen.Enum<SortOrder>(), Gen.Enum<SortTarget>()),
        Gen.Select(Gen.Bool, Gen.Bool, Gen.Int[0, 5].Select(i => i == 0)),
        Gen.Select(Bound, Bound, Bound, Bound),
        (where, sort, only, bounds) => new RangeRequest
        {
            Key = where.Item1,
            RangeEnd = where.Item2,
            Limit = where.Item3,
            Revision = where.Item4,
            SortOrder = sort.Item1,
            SortTarget = sort.Item2,
            Serializable = only.Item1,
            KeysOnly = only.Item2,
            CountOnly = only.Item3,
            MinModRevision = bounds.Item1,
            MaxModRevision = bounds.Item2,
            MinCreateRevision = bounds.Item3,
            MaxCreateRevision = bounds.Item4,
        });

    public static readonly Gen<PutRequest> Put = Gen.Select(
        Key, Value, Lease, Gen.Bool, Gen.Frequency((8, Gen.Const(0)), (1, Gen.Int[1, 3])), Gen.Int[0, 5],
        (key, value, lease, prevKv, ignored, careless) => new PutRequest
        {
            Key = key,
            // Mostly as it has to be, now and then with the value that must not be given.
            Value = (ignored & 1) != 0 && careless > 0 ? ByteString.Empty : value,
            Lease = (ignored & 2) != 0 && careless > 0 ? 0 : lease,
            PrevKv = prevKv,
            IgnoreValue = (ignored & 1) != 0,
            IgnoreLease = (ignored & 2) != 0,
        });

    public static readonly Gen<DeleteRangeRequest> Delete = Gen.Select(
        Key, RangeEnd, Gen.Bool, (key, end, prevKv) => new DeleteRangeRequest { Key = key, RangeEnd = end, PrevKv = prevKv });

    public static readonly Gen<CompactionRequest> Compaction = Gen.Select(
        Gen.Long[-2, 25], Gen.Bool, (revision, physical) => new CompactionRequest { Revision = revision, Physical = physical });

    private static readonly Gen<Compare> Comparison = Gen.Select(
        Gen.Select(Key, Gen.Frequency((4, Gen.Const(ByteString.Empty)), (1, RangeEnd))),
        Gen.Int[0, 20].Select(i => (CompareResult)(i == 20 ? 9 : i % 4)),
        Gen.Int[0, 60].Select(i => (CompareTarget)(i == 60 ? 9 : i % 5)),
        Gen.Frequency((20, Gen.Const(false)), (1, Gen.Const(true))),
        Gen.Long[0, 25],
        Value,
        (where, result, target, otherOperand, number, value) => WithOperand(
            new Compare { Key = where.Item1, RangeEnd = where.Item2, Result = result, Target = target },
            otherOperand ? (CompareTarget)(number % 6) : target,
            number,
            value));

    public static readonly Gen<TxnRequest> Txn = TxnOf(2);

    public static readonly Gen<IMessage> Any = Gen.Frequency(
        (6, Put.Select(put => (IMessage)put)),
        (2, Delete.Select(delete => (IMessage)delete)),
        (6, Txn.Select(txn => (IMessage)txn)),
        (6, Range.Select(range => (IMessage)range)),
        (1, Compaction.Select(compaction => (IMessage)compaction)));

    /// <summary>A copy of the request whose small revisions count from the given one.</summary>
    public static IMessage From(long first, IMessage request)
    {
        switch (request)
        {
            case RangeRequest range:
                range = range.Clone();
                range.Revision = Moved(range.Revision);
                range.MinModRevision = Moved(range.MinModRevision);
                range.MaxModRevision = Moved(range.MaxModRevision);
                range.MinCreateRevision = Moved(range.MinCreateRevision);
                range.MaxCreateRevision = Moved(range.MaxCreateRevision);
                return range;
            case CompactionRequest compaction:
                return new CompactionRequest { Revision = compaction.Revision + first, Physical = compaction.Physical };
            case TxnRequest txn:
                return new TxnRequest
                {
                    Compare = { txn.Compare.Select(FromFirst) },
                    Success = { txn.Success.Select(OpFromFirst) },
                    Failure = { txn.Failure.Select(OpFromFirst) },
                };
            default:
                return request;
        }

        long Moved(long revision) => revision is > 0 and < long.MaxValue ? revision + first : revision;

        Compare FromFirst(Compare compare)
        {
            compare = compare.Clone();
            switch (compare.TargetUnionCase)
            {
                case Compare.TargetUnionOneofCase.CreateRevision:
                    compare.CreateRevision = Moved(compare.CreateRevision);
                    break;
                case Compare.TargetUnionOneofCase.ModRevision:
                    compare.ModRevision = Moved(compare.ModRevision);
                    break;
            }

            return compare;
        }

        RequestOp OpFromFirst(RequestOp op) => op.RequestCase switch
        {
            RequestOp.RequestOneofCase.RequestRange => Op(From(first, op.RequestRange)),
            RequestOp.RequestOneofCase.RequestTxn => Op(From(first, op.RequestTxn)),
            _ => op,
        };
    }

    private static Gen<T> OneOf<T>(params T[] values) => Gen.Int[0, values.Length - 1].Select(i => values[i]);

    private static Compare WithOperand(Compare compare, CompareTarget operand, long number, ByteString value)
    {
        switch (operand)
        {
            case CompareTarget.Version:
                compare.Version = number % 4;
                break;
            case CompareTarget.Create:
                compare.CreateRevision = number;
                break;
            case CompareTarget.Mod:
                compare.ModRevision = number;
                break;
            case CompareTarget.Value:
                compare.Value = value;
                break;
            case CompareTarget.Lease:
                compare.Lease = number % 2;
                break;
        }

        return compare;
    }

    private static Gen<TxnRequest> TxnOf(int depth)
    {
        var operations = OpOf(depth).Array[0, 3];
        return Gen.Select(Comparison.Array[0, 2], operations, operations, (compares, success, failure) => new TxnRequest
        {
            Compare = { compares },
            Success = { success },
            Failure = { failure },
        });
    }

    private static Gen<RequestOp> OpOf(int depth)
    {
        var range = Range.Select(request => Op(request));
        var put = Put.Select(request => Op(request));
        var delete = Delete.Select(request => Op(request));
        var none = Gen.Const(new RequestOp());
        return depth == 0
            ? Gen.Frequency((60, range), (80, put), (40, delete), (1, none))
            : Gen.Frequency((60, range), (80, put), (40, delete), (50, TxnOf(depth - 1).Select(request => Op(request))), (1, none));
    }
}
