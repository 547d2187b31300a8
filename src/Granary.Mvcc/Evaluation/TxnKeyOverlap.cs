using Google.Protobuf;
using Google.Protobuf.Collections;
using Granary.Mvcc.Errors;
using Granary.Mvcc.Keys;
using Granary.Protos;

namespace Granary.Mvcc.Evaluation;

/// <summary>
/// The rule that one txn puts a key at most once and never beside a delete of it on the same level. It compares plain byte
/// intervals, as etcd does: an open-ended delete (<c>range_end</c> of one zero byte) is an inverted interval and overlaps nothing.
/// </summary>
internal static class TxnKeyOverlap
{
    public static EtcdError? Check(TxnRequest request) =>
        CheckBranch(request.Success, out _) ?? CheckBranch(request.Failure, out _);

    private static EtcdError? CheckBranch(RepeatedField<RequestOp> branch, out Touched touched)
    {
        touched = new Touched();
        foreach (var op in branch)
        {
            if (op.RequestCase == RequestOp.RequestOneofCase.RequestDeleteRange)
            {
                touched.AddDelete(new KeyRange(op.RequestDeleteRange.Key, op.RequestDeleteRange.RangeEnd));
            }
        }

        foreach (var op in branch)
        {
            if (op.RequestCase == RequestOp.RequestOneofCase.RequestTxn && CheckNested(op.RequestTxn, touched) is { } error)
            {
                return error;
            }
        }

        foreach (var op in branch)
        {
            if (op.RequestCase == RequestOp.RequestOneofCase.RequestPut && !touched.AddPut(op.RequestPut.Key))
            {
                return EtcdError.DuplicateKey;
            }
        }

        return null;
    }

    private static EtcdError? CheckNested(TxnRequest nested, Touched outer)
    {
        if (CheckBranch(nested.Success, out var success) is { } inSuccess)
        {
            return inSuccess;
        }

        if (CheckBranch(nested.Failure, out var failure) is { } inFailure)
        {
            return inFailure;
        }

        foreach (var key in success.Puts)
        {
            if (!outer.AddPut(key))
            {
                return EtcdError.DuplicateKey;
            }
        }

        // Only one of the two branches runs, so the same key in both is put once.
        foreach (var key in failure.Puts)
        {
            if (success.Puts.Contains(key) ? outer.IsDeleted(key) : !outer.AddPut(key))
            {
                return EtcdError.DuplicateKey;
            }
        }

        outer.AddDeletes(success);
        outer.AddDeletes(failure);
        return null;
    }

    /// <summary>The keys that a branch puts and the intervals that it deletes.</summary>
    private sealed class Touched
    {
        private readonly List<(ByteString Start, ByteString End)> _deletes = [];

        public HashSet<ByteString> Puts { get; } = [];

        public void AddDelete(KeyRange keys) =>
            _deletes.Add((keys.Start, keys.IsSingleKey ? KeyRange.Successor(keys.Start) : keys.End));

        public void AddDeletes(Touched other) => _deletes.AddRange(other._deletes);

        public bool AddPut(ByteString key) => !IsDeleted(key) && Puts.Add(key);

        public bool IsDeleted(ByteString key)
        {
            foreach (var (start, end) in _deletes)
            {
                if (KeyRange.Compare(start, key) <= 0 && KeyRange.Compare(key, end) < 0)
                {
                    return true;
                }
            }

            return false;
        }
    }
}
