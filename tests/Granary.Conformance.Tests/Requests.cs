using System.Text;
using Google.Protobuf;
using static Granary.Protos.Compare.Types;
using static Granary.Protos.RangeRequest.Types;

namespace Granary.Conformance.Tests;

/// <summary>Short ways to write requests. Strings are bytes: one character each, U+0000 to U+00FF.</summary>
internal static class Requests
{
    public static ByteString Bytes(string text) => ByteString.CopyFrom(Encoding.Latin1.GetBytes(text));

    public static RangeRequest Range(
        string key,
        string end = "",
        long limit = 0,
        long revision = 0,
        SortOrder order = SortOrder.None,
        SortTarget target = SortTarget.Key,
        bool serializable = false,
        bool keysOnly = false,
        bool countOnly = false,
        long minMod = 0,
        long maxMod = 0,
        long minCreate = 0,
        long maxCreate = 0) => new()
        {
            Key = Bytes(key),
            RangeEnd = Bytes(end),
            Limit = limit,
            Revision = revision,
            SortOrder = order,
            SortTarget = target,
            Serializable = serializable,
            KeysOnly = keysOnly,
            CountOnly = countOnly,
            MinModRevision = minMod,
            MaxModRevision = maxMod,
            MinCreateRevision = minCreate,
            MaxCreateRevision = maxCreate,
        };

    public static RangeRequest Everything(long revision = 0) => Range("\0", "\0", revision: revision);

    public static PutRequest Put(
        string key, string value = "v", long lease = 0, bool prevKv = false, bool ignoreValue = false, bool ignoreLease = false) => new()
        {
            Key = Bytes(key),
            Value = Bytes(value),
            Lease = lease,
            PrevKv = prevKv,
            IgnoreValue = ignoreValue,
            IgnoreLease = ignoreLease,
        };

    public static DeleteRangeRequest Delete(string key, string end = "", bool prevKv = false) =>
        new() { Key = Bytes(key), RangeEnd = Bytes(end), PrevKv = prevKv };

    public static CompactionRequest Compact(long revision, bool physical = false) => new() { Revision = revision, Physical = physical };

    public static TxnRequest Txn(Compare[]? when = null, IMessage[]? then = null, IMessage[]? otherwise = null) => new()
    {
        Compare = { when ?? [] },
        Success = { (then ?? []).Select(Op) },
        Failure = { (otherwise ?? []).Select(Op) },
    };

    public static RequestOp Op(IMessage request) => request switch
    {
        RequestOp op => op,
        RangeRequest range => new RequestOp { RequestRange = range },
        PutRequest put => new RequestOp { RequestPut = put },
        DeleteRangeRequest delete => new RequestOp { RequestDeleteRange = delete },
        TxnRequest txn => new RequestOp { RequestTxn = txn },
        _ => throw new ArgumentException($"{request.Descriptor.Name} is no operation of a txn.", nameof(request)),
    };

    public static Compare Version(string key, CompareResult result, long version, string end = "") =>
        new() { Key = Bytes(key), RangeEnd = Bytes(end), Target = CompareTarget.Version, Result = result, Version = version };

    public static Compare Created(string key, CompareResult result, long revision, string end = "") =>
        new() { Key = Bytes(key), RangeEnd = Bytes(end), Target = CompareTarget.Create, Result = result, CreateRevision = revision };

    public static Compare Modified(string key, CompareResult result, long revision, string end = "") =>
        new() { Key = Bytes(key), RangeEnd = Bytes(end), Target = CompareTarget.Mod, Result = result, ModRevision = revision };

    public static Compare Value(string key, CompareResult result, string value, string end = "") =>
        new() { Key = Bytes(key), RangeEnd = Bytes(end), Target = CompareTarget.Value, Result = result, Value = Bytes(value) };

    public static Compare Leased(string key, CompareResult result, long lease, string end = "") =>
        new() { Key = Bytes(key), RangeEnd = Bytes(end), Target = CompareTarget.Lease, Result = result, Lease = lease };
}
