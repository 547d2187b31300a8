using CsCheck;
using Google.Protobuf;
using Granary.Mvcc.Evaluation;
using Granary.Protos;

namespace Granary.Model;

/// <summary>Requests over few keys, so that they meet: keys that are prefixes of each other and hold the bytes 00 and FF.</summary>
public static class RandomRequests
{
    /// <summary>What txns are checked against, as by default.</summary>
    public const int MaxTxnOps = 128;

    private static readonly ByteString[] Keys =
    [
        Bytes(0), Bytes(0, 0), Bytes('a'), Bytes('a', 0), Bytes('a', 0, 0), Bytes('a', 0, 1), Bytes('a', 0, 255), Bytes('a', 1),
        Bytes('a', 'b'), Bytes('a', 'b', 'c'), Bytes('a', 255), Bytes('a', 255, 255), Bytes('b'), Bytes('b', 'a'), Bytes(255), Bytes(255, 255),
    ];

    public static readonly Gen<ByteString> Key = Gen.Int[0, Keys.Length - 1].Select(i => Keys[i]);

    public static readonly Gen<ByteString> RangeEnd = Gen.Frequency((3, Gen.Const(ByteString.Empty)), (3, Key), (2, Gen.Const(Bytes(0))));

    private static readonly Gen<ByteString> Value =
        Gen.Frequency((1, Gen.Const(ByteString.Empty)), (5, Gen.Byte.Array[1, 4].Select(ByteString.CopyFrom)));

    private static readonly Gen<long> Revision = Gen.Frequency((6, Gen.Const(0L)), (3, Gen.Long[1, 40]), (1, Gen.Const(-1L)));

    private static readonly Gen<long> Bound = Gen.Frequency((5, Gen.Const(0L)), (2, Gen.Long[1, 30]), (1, Gen.Const(long.MaxValue)));

    public static readonly Gen<RangeRequest> Range =
        Gen.Select(Key, RangeEnd, Gen.Long[-1, 5], Revision, Gen.Int[0, 2], Gen.Int[0, 4],
            Gen.Select(Gen.Bool, Gen.Int[0, 9].Select(i => i == 0)),
            Gen.Select(Bound, Bound, Bound, Bound))
        .Select((key, end, limit, revision, order, target, only, bounds) => new RangeRequest
        {
            Key = key,
            RangeEnd = end,
            Limit = limit,
            Revision = revision,
            SortOrder = (RangeRequest.Types.SortOrder)order,
            SortTarget = (RangeRequest.Types.SortTarget)target,
            KeysOnly = only.Item1,
            CountOnly = only.Item2,
            MinModRevision = bounds.Item1,
            MaxModRevision = bounds.Item2,
            MinCreateRevision = bounds.Item3,
            MaxCreateRevision = bounds.Item4,
        });

    public static readonly Gen<PutRequest> Put =
        Gen.Select(Key, Value, Gen.Bool, Gen.Int[0, 9], Gen.Int[0, 19]).Select((key, value, prevKv, ignore, lease) => new PutRequest
        {
            Key = key,
            Value = ignore == 0 ? ByteString.Empty : value,
            PrevKv = prevKv,
            IgnoreValue = ignore == 0,
            IgnoreLease = ignore == 1,
            Lease = lease < 4 && ignore != 1 ? 7 + (lease % 2) : 0,
        });

    public static readonly Gen<DeleteRangeRequest> Delete =
        Gen.Select(Key, RangeEnd, Gen.Bool).Select((key, end, prevKv) => new DeleteRangeRequest { Key = key, RangeEnd = end, PrevKv = prevKv });

    public static readonly Gen<Compare> Comparison =
        Gen.Select(Key, Gen.Frequency((4, Gen.Const(ByteString.Empty)), (1, RangeEnd)), Gen.Int[0, 3], Gen.Int[0, 4], Gen.Long[0, 20], Value)
        .Select((key, end, result, target, number, value) =>
        {
            var compare = new Compare
            {
                Key = key,
                RangeEnd = end,
                Result = (Compare.Types.CompareResult)result,
                Target = (Compare.Types.CompareTarget)target,
            };
            switch (target)
            {
                case 0: compare.Version = number % 4; break;
                case 1: compare.CreateRevision = number; break;
                case 2: compare.ModRevision = number; break;
                case 3: compare.Value = value; break;
                default: compare.Lease = number % 2; break;
            }

            return compare;
        });

    public static readonly Gen<TxnRequest> Txn = TxnOf(2).Where(txn => RequestChecks.Check(txn, MaxTxnOps) is null);

    /// <summary>Grants and revocations of the two leases that puts name.</summary>
    public static readonly Gen<IMessage> LeaseWrite = Gen.Select(Gen.Int[7, 8], Gen.Bool).Select((id, isGrant) =>
        isGrant ? (IMessage)new LeaseGrantRequest { ID = id, TTL = 1000 } : new LeaseRevokeRequest { ID = id });

    public static readonly Gen<IMessage> KvWrite = Gen.Frequency(
        (5, Put.Select(put => (IMessage)put)), (2, Delete.Select(delete => (IMessage)delete)), (4, Txn.Select(txn => (IMessage)txn)));

    public static readonly Gen<IMessage> Write = Gen.Frequency((5, KvWrite), (2, LeaseWrite));

    /// <summary>Whether a txn reads at one of these revisions by its number.</summary>
    public static bool NamesRevision(IMessage request, long first, long last) =>
        request is TxnRequest txn && txn.Success.Concat(txn.Failure).Any(op =>
            (op.RequestRange is { } range && range.Revision >= first && range.Revision <= last)
            || (op.RequestTxn is { } nested && NamesRevision(nested, first, last)));

    private static Gen<TxnRequest> TxnOf(int depth)
    {
        var ops = OpOf(depth).Array[0, 3];
        return Gen.Select(Comparison.Array[0, 2], ops, ops).Select((compares, success, failure) => new TxnRequest
        {
            Compare = { compares },
            Success = { success },
            Failure = { failure },
        });
    }

    private static Gen<RequestOp> OpOf(int depth)
    {
        var range = Range.Select(request => new RequestOp { RequestRange = request });
        var put = Put.Select(request => new RequestOp { RequestPut = request });
        var delete = Delete.Select(request => new RequestOp { RequestDeleteRange = request });
        return depth == 0
            ? Gen.Frequency((3, range), (4, put), (2, delete))
            : Gen.Frequency((3, range), (4, put), (2, delete), (2, TxnOf(depth - 1).Select(request => new RequestOp { RequestTxn = request })));
    }

    private static ByteString Bytes(params int[] bytes) => ByteString.CopyFrom([.. bytes.Select(value => (byte)value)]);
}
