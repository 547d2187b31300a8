using Google.Protobuf;
using Google.Protobuf.Collections;
using Granary.Mvcc.Errors;
using Granary.Protos;
using CompareResult = Granary.Protos.Compare.Types.CompareResult;
using CompareTarget = Granary.Protos.Compare.Types.CompareTarget;
using SortOrder = Granary.Protos.RangeRequest.Types.SortOrder;
using SortTarget = Granary.Protos.RangeRequest.Types.SortTarget;

namespace Granary.Model;

/// <summary>
/// The keyspace as plainly as it can be said: the whole history is one list, every state is computed from its beginning.
/// What the product does fast must equal what this does slowly. Shares no code with it but the messages.
/// </summary>
public sealed class ModelStore
{
    private readonly List<ModelEvent> _history = [];

    public long Revision { get; private set; } = 1;

    public long CompactedRevision { get; private set; } = -1;

    public IReadOnlyList<ModelEvent> History => _history;

    public SortedSet<long> Leases { get; } = [];

    /// <summary>The pairs at a revision, in key order.</summary>
    public List<KeyValue> PairsAt(long revision) => [.. Replay(_history.Where(change => change.Revision <= revision)).Values];

    public RangeResponse Range(RangeRequest request)
    {
        if (request.Revision > Revision)
        {
            throw new EtcdException(EtcdError.FutureRevision);
        }

        if (request.Revision > 0 && request.Revision < CompactedRevision)
        {
            throw new EtcdException(EtcdError.Compacted);
        }

        var at = request.Revision > 0 ? request.Revision : Revision;
        return Range(request, PairsAt(at), Revision);
    }

    public IMessage Write(IMessage request)
    {
        var work = new Work(this);
        IMessage response = request switch
        {
            PutRequest put => work.CheckedPut(put),
            DeleteRangeRequest delete => work.Delete(delete),
            TxnRequest txn => work.Txn(txn),
            LeaseGrantRequest grant => work.Grant(grant),
            LeaseRevokeRequest revoke => work.Revoke(revoke),
            _ => throw new ArgumentException("no write", nameof(request)),
        };
        _history.AddRange(work.Changes);
        Revision += work.Changes.Count > 0 ? 1 : 0;
        return response;
    }

    public void Compact(long revision)
    {
        if (revision <= CompactedRevision)
        {
            throw new EtcdException(EtcdError.Compacted);
        }

        if (revision > Revision)
        {
            throw new EtcdException(EtcdError.FutureRevision);
        }

        CompactedRevision = revision;
    }

    private static SortedDictionary<ByteString, KeyValue> Replay(IEnumerable<ModelEvent> changes)
    {
        var pairs = new SortedDictionary<ByteString, KeyValue>(Comparer<ByteString>.Create(Order));
        foreach (var change in changes)
        {
            if (change.Pair is null)
            {
                pairs.Remove(change.Key);
            }
            else
            {
                pairs[change.Key] = change.Pair;
            }
        }

        return pairs;
    }

    private static RangeResponse Range(RangeRequest request, List<KeyValue> state, long revision)
    {
        var found = state.Where(pair => IsIn(pair.Key, request.Key, request.RangeEnd)).ToList();
        var response = new RangeResponse { Header = new ResponseHeader { Revision = revision }, Count = found.Count };
        if (request.CountOnly)
        {
            return response;
        }

        bool hasFilter = request.MinModRevision != 0 || request.MaxModRevision != 0 || request.MinCreateRevision != 0 || request.MaxCreateRevision != 0;
        if (request.SortOrder == SortOrder.None && !hasFilter && request.Limit > 0)
        {
            found = [.. found.Take((int)request.Limit + 1)];
        }

        IEnumerable<KeyValue> kept = found
            .Where(pair => request.MaxModRevision == 0 || pair.ModRevision <= request.MaxModRevision)
            .Where(pair => request.MinModRevision == 0 || pair.ModRevision >= request.MinModRevision)
            .Where(pair => request.MaxCreateRevision == 0 || pair.CreateRevision <= request.MaxCreateRevision)
            .Where(pair => request.MinCreateRevision == 0 || pair.CreateRevision >= request.MinCreateRevision);
        var order = Comparer<KeyValue>.Create((a, b) => request.SortTarget switch
        {
            SortTarget.Key => Order(a.Key, b.Key),
            SortTarget.Version => a.Version.CompareTo(b.Version),
            SortTarget.Create => a.CreateRevision.CompareTo(b.CreateRevision),
            SortTarget.Mod => a.ModRevision.CompareTo(b.ModRevision),
            _ => Order(a.Value, b.Value),
        });
        var sorted = (request.SortOrder == SortOrder.Descend ? kept.OrderDescending(order) : kept.Order(order)).ToList();
        if (request.Limit > 0 && sorted.Count > request.Limit)
        {
            response.More = true;
            sorted = [.. sorted.Take((int)request.Limit)];
        }

        foreach (var pair in sorted)
        {
            var copy = pair.Clone();
            if (request.KeysOnly)
            {
                copy.Value = ByteString.Empty;
            }

            response.Kvs.Add(copy);
        }

        return response;
    }

    private static bool IsIn(ByteString key, ByteString start, ByteString end) =>
        end.IsEmpty ? key == start
        : end.Length == 1 && end[0] == 0 ? Order(key, start) >= 0
        : Order(key, start) >= 0 && Order(key, end) < 0;

    private static int Order(ByteString a, ByteString b) => a.Span.SequenceCompareTo(b.Span);

    /// <summary>One request at work: the state before it and what it has changed so far.</summary>
    private sealed class Work(ModelStore store)
    {
        public List<ModelEvent> Changes { get; } = [];

        private List<KeyValue> Before { get; } = store.PairsAt(store.Revision);

        private List<KeyValue> Now => [.. Replay(store._history.Concat(Changes)).Values];

        private ResponseHeader Header => new() { Revision = store.Revision + (Changes.Count > 0 ? 1 : 0) };

        public PutResponse CheckedPut(PutRequest request)
        {
            RequireLease(request);

            RequireKept(request);
            return Put(request);
        }

        public DeleteRangeResponse Delete(DeleteRangeRequest request)
        {
            var gone = Now.Where(pair => IsIn(pair.Key, request.Key, request.RangeEnd)).ToList();
            foreach (var pair in gone)
            {
                Changes.Add(new ModelEvent(store.Revision + 1, pair.Key, null));
            }

            var response = new DeleteRangeResponse { Header = Header, Deleted = gone.Count };
            if (request.PrevKv)
            {
                response.PrevKvs.AddRange(gone.Select(pair => pair.Clone()));
            }

            return response;
        }

        public TxnResponse Txn(TxnRequest request)
        {
            Check(request, puts: true);
            Check(request, puts: false);
            var response = Run(request);
            response.Header = Header;
            return response;
        }

        private PutResponse Put(PutRequest request)
        {
            var old = Now.Find(pair => pair.Key == request.Key);
            if (old is null && (request.IgnoreValue || request.IgnoreLease))
            {
                throw new EtcdException(EtcdError.KeyNotFound);
            }

            var pair = new KeyValue
            {
                Key = request.Key,
                Value = request.IgnoreValue ? old!.Value : request.Value,
                CreateRevision = old?.CreateRevision ?? store.Revision + 1,
                ModRevision = store.Revision + 1,
                Version = (old?.Version ?? 0) + 1,
                Lease = request.IgnoreLease ? old!.Lease : request.Lease,
            };
            Changes.Add(new ModelEvent(store.Revision + 1, request.Key, pair));
            return new PutResponse { Header = Header, PrevKv = request.PrevKv ? old?.Clone() : null };
        }

        public LeaseGrantResponse Grant(LeaseGrantRequest request)
        {
            if (!store.Leases.Add(request.ID))
            {
                throw new EtcdException(EtcdError.LeaseExists);
            }

            return new LeaseGrantResponse { Header = Header, ID = request.ID, TTL = request.TTL };
        }

        public LeaseRevokeResponse Revoke(LeaseRevokeRequest request)
        {
            if (!store.Leases.Remove(request.ID))
            {
                throw new EtcdException(EtcdError.LeaseNotFound);
            }

            foreach (var pair in Before.Where(pair => pair.Lease == request.ID))
            {
                Changes.Add(new ModelEvent(store.Revision + 1, pair.Key, null));
            }

            return new LeaseRevokeResponse { Header = Header };
        }

        private void RequireLease(PutRequest request)
        {
            if (request.Lease != 0 && !store.Leases.Contains(request.Lease))
            {
                throw new EtcdException(EtcdError.LeaseNotFound);
            }
        }

        private void RequireKept(PutRequest request)
        {
            if ((request.IgnoreLease || request.IgnoreValue) && !Before.Exists(pair => pair.Key == request.Key))
            {
                throw new EtcdException(EtcdError.KeyNotFound);
            }
        }

        private RepeatedField<RequestOp> Chosen(TxnRequest request) => request.Compare.All(Holds) ? request.Success : request.Failure;

        private void Check(TxnRequest request, bool puts)
        {
            foreach (var op in Chosen(request))
            {
                if (op.RequestTxn is { } nested)
                {
                    Check(nested, puts);
                }
                else if (puts && op.RequestPut is { } put)
                {
                    RequireKept(put);
                    RequireLease(put);
                }
                else if (!puts && op.RequestRange is { Revision: not 0 } range)
                {
                    if (range.Revision > store.Revision)
                    {
                        throw new EtcdException(EtcdError.FutureRevision);
                    }

                    if (range.Revision < store.CompactedRevision)
                    {
                        throw new EtcdException(EtcdError.Compacted);
                    }
                }
            }
        }

        private TxnResponse Run(TxnRequest request)
        {
            var response = new TxnResponse { Succeeded = request.Compare.All(Holds) };
            foreach (var op in Chosen(request))
            {
                var answer = new ResponseOp();
                switch (op.RequestCase)
                {
                    case RequestOp.RequestOneofCase.RequestRange:
                        var range = op.RequestRange;
                        var isNow = range.Revision <= 0;
                        answer.ResponseRange = Range(range, isNow ? Now : store.PairsAt(range.Revision), Header.Revision);
                        break;
                    case RequestOp.RequestOneofCase.RequestPut:
                        answer.ResponsePut = Put(op.RequestPut);
                        break;
                    case RequestOp.RequestOneofCase.RequestDeleteRange:
                        answer.ResponseDeleteRange = Delete(op.RequestDeleteRange);
                        break;
                    default:
                        answer.ResponseTxn = Run(op.RequestTxn);
                        answer.ResponseTxn.Header = new ResponseHeader();
                        break;
                }

                response.Responses.Add(answer);
            }

            return response;
        }

        private bool Holds(Compare compare)
        {
            var pairs = Before.Where(pair => IsIn(pair.Key, compare.Key, compare.RangeEnd)).ToList();
            if (pairs.Count == 0)
            {
                return compare.Target != CompareTarget.Value && Holds(compare, new KeyValue());
            }

            return pairs.TrueForAll(pair => Holds(compare, pair));
        }

        private static bool Holds(Compare compare, KeyValue pair)
        {
            var order = compare.Target switch
            {
                CompareTarget.Version => pair.Version - compare.Version,
                CompareTarget.Create => pair.CreateRevision - compare.CreateRevision,
                CompareTarget.Mod => pair.ModRevision - compare.ModRevision,
                CompareTarget.Lease => pair.Lease - compare.Lease,
                _ => Order(pair.Value, compare.Value),
            };
            return compare.Result switch
            {
                CompareResult.Equal => order == 0,
                CompareResult.NotEqual => order != 0,
                CompareResult.Greater => order > 0,
                _ => order < 0,
            };
        }
    }
}
