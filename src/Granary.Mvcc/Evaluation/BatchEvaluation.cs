using Google.Protobuf;
using Google.Protobuf.Collections;
using Granary.Mvcc.Auth;
using Granary.Mvcc.Errors;
using Granary.Mvcc.Keys;
using Granary.Protos;

namespace Granary.Mvcc.Evaluation;

/// <summary>
/// Decides the outcome of write requests one after the other, each on the state that the one before it left: the responses
/// and the effects, nothing else. It assumes that the batch gets the revisions right behind the committed state;
/// when the log gives others, <see cref="MoveTo"/> moves all that was assumed.
/// </summary>
public sealed class BatchEvaluation
{
    private readonly BatchView _view;
    private readonly List<IReadOnlyList<Effect>> _commits = [];
    private readonly List<LeaseChange> _leaseChanges = [];
    private readonly List<IMessage> _responses = [];
    // Of what is stored in a range, pairs or not, so many times more is looked at for a deletion before it counts as a large one.
    private const int EntriesPerListed = 4;

    private readonly bool _decidesLarge;
    private readonly int _listedDeletions;
    private readonly long _listedBytes;
    private List<Effect> _effects = [];

    /// <param name="committed">The state before the batch.</param>
    /// <param name="decidesLarge">False: a deletion or revocation that is large is thrown out by <see cref="LargeDeletionException"/>, unless it is in a txn.</param>
    /// <param name="listedDeletions">A deletion of more keys is large: it names them as a whole.</param>
    /// <param name="listedBytes">So is one of keys whose values are more bytes.</param>
    public BatchEvaluation(IKeyspaceView committed, bool decidesLarge = true, int listedDeletions = 2048, long listedBytes = 4 << 20)
    {
        _view = new BatchView(committed);
        _decidesLarge = decidesLarge;
        _listedDeletions = listedDeletions;
        _listedBytes = listedBytes;
        FirstRevision = committed.Revision + 1;
    }

    /// <summary>Told how many bytes more have been read for the answers; may give up by throwing.</summary>
    public Action<long>? OnRead { get; set; }

    /// <summary>The revision of the first commit; the others follow it without a gap.</summary>
    public long FirstRevision { get; private set; }

    /// <summary>The effects of each request that changed something, in order. One commit, one revision.</summary>
    public IReadOnlyList<IReadOnlyList<Effect>> Commits => _commits;

    /// <summary>How many changes all commits are together.</summary>
    public long ChangeCount { get; private set; }

    /// <summary>Bytes of the values of pairs that are superseded, which are held until the batch is applied.</summary>
    public long SupersededBytes { get; private set; }

    /// <summary>
    /// True when an outcome rests on the number that a revision of this very batch will have: then no other first revision will do.
    /// </summary>
    public bool ReliesOnFirstRevision { get; private set; }

    /// <summary>Leases that come or go, in order, at the place of the batch as a whole.</summary>
    public IReadOnlyList<LeaseChange> LeaseChanges => _leaseChanges;

    /// <summary>What the batch rests on, and does, where leases are concerned.</summary>
    public LeaseFacts Leases { get; } = new();

    /// <summary>Whether nothing was changed: then there is nothing to append.</summary>
    public bool IsIdle => _commits.Count == 0 && _leaseChanges.Count == 0;

    /// <summary>Decides a write of any kind, if its caller may make it.</summary>
    /// <exception cref="EtcdException">It is refused.</exception>
    public IMessage Write(IMessage request, Caller caller, CancellationToken cancellationToken)
    {
        if ((AlarmRules.Check(request, _view) ?? AccessRules.Check(_view, caller, request, Leases.NoteRead)) is { } error)
        {
            throw new EtcdException(error);
        }

        return request switch
        {
            PutRequest put => Put(put),
            TxnRequest txn => Txn(txn, cancellationToken),
            DeleteRangeRequest delete => DeleteRange(delete, cancellationToken),
            LeaseGrantRequest grant => Grant(grant),
            LeaseRevokeRequest revoke => Revoke(revoke, cancellationToken),
            _ => throw new ArgumentException($"{request.Descriptor.Name} is no write.", nameof(request)),
        };
    }

    /// <summary>Grants the lease with the id and the time to live that the request names; both are checked already.</summary>
    public LeaseGrantResponse Grant(LeaseGrantRequest request) =>
        Decide(
            request,
            static (self, request, _) =>
            {
                if (self.HasLease(request.ID))
                {
                    throw new EtcdException(EtcdError.LeaseExists);
                }

                self._view.SetLease(request.ID, exists: true);
                self._leaseChanges.Add(new LeaseChange(request.ID, request.TTL));
                return new LeaseGrantResponse { Header = self.Header(), ID = request.ID, TTL = request.TTL };
            },
            default);

    /// <summary>Ends a lease: all of its keys go in one commit, in key order.</summary>
    public LeaseRevokeResponse Revoke(LeaseRevokeRequest request, CancellationToken cancellationToken) =>
        Decide(
            request,
            static (self, request, token) =>
            {
                if (!self.HasLease(request.ID))
                {
                    throw new EtcdException(EtcdError.LeaseNotFound);
                }

                self.Leases.NoteRead(request.ID);
                self.Leases.NoteTouched(request.ID);
                if (self.AttachedPairs(request.ID, token) is { } pairs)
                {
                    pairs.ForEach(self.Delete);
                }
                else
                {
                    self.RequireMayDecideLarge();
                    var attached = self._view.CountAttached(request.ID, token);
                    if (attached.Count > 0)
                    {
                        self.Delete(BulkDeletion.OfLease(request.ID, attached));
                    }
                }

                self._view.SetLease(request.ID, exists: false);
                self._leaseChanges.Add(new LeaseChange(request.ID, 0));
                return new LeaseRevokeResponse { Header = self.Header() };
            },
            cancellationToken);

    public PutResponse Put(PutRequest request) =>
        Decide(
            request,
            static (self, request, _) =>
            {
                self.CheckPut(request, leaseFirst: true);
                return self.ApplyPut(request);
            },
            default);

    public DeleteRangeResponse DeleteRange(DeleteRangeRequest request, CancellationToken cancellationToken) =>
        Decide(request, static (self, request, token) => self.ApplyDelete(request, isTxn: false, token), cancellationToken);

    public TxnResponse Txn(TxnRequest request, CancellationToken cancellationToken) =>
        Decide(
            request,
            static (self, request, token) =>
            {
                var path = self.ChoosePath(request, token);
                self.CheckPuts(path);
                self.CheckRanges(path);
                var response = self.ApplyPath(path, token);
                response.Header = self.Header();
                return response;
            },
            cancellationToken);

    /// <summary>Moves every revision that this evaluation assumed to where the log has put the batch.</summary>
    public void MoveTo(long firstRevision)
    {
        var distance = firstRevision - FirstRevision;
        if (distance == 0)
        {
            return;
        }

        if (ReliesOnFirstRevision)
        {
            throw new InvalidOperationException("A batch that relies on its first revision was given another one.");
        }

        var shift = new RevisionShift(_view.Committed.Revision, distance);
        foreach (var commit in _commits)
        {
            foreach (var effect in commit)
            {
                shift.Move(effect);
            }
        }

        for (var i = 0; i < _responses.Count; i++)
        {
            shift.Move(_responses[i]);
        }

        for (var i = 0; i < _commits.Count; i++)
        {
            _commits[i] = shift.Moved(_commits[i]);
        }

        FirstRevision = firstRevision;
    }

    private TResponse Decide<TRequest, TResponse>(
        TRequest request,
        Func<BatchEvaluation, TRequest, CancellationToken, TResponse> decide,
        CancellationToken cancellationToken)
        where TResponse : IMessage
    {
        var before = _view.Revision;
        try
        {
            var response = decide(this, request, cancellationToken);
            if (_effects.Count > 0)
            {
                foreach (var effect in _effects)
                {
                    ChangeCount += effect.Count;
                }

                _commits.Add(_effects);
                _effects = [];
            }

            _view.Keep();
            _responses.Add(response);
            return response;
        }
        catch
        {
            _effects.Clear();
            _view.Undo();
            _view.Revision = before;
            throw;
        }
    }

    private ResponseHeader Header() => new() { Revision = _view.Revision };

    // The revision that the request at work gives to what it changes.
    private long OwnRevision => FirstRevision + _commits.Count;

    private void CheckPut(PutRequest request, bool leaseFirst)
    {
        if (leaseFirst)
        {
            CheckLease(request);
        }

        if ((request.IgnoreValue || request.IgnoreLease) && _view.Find(request.Key, _view.Revision) is null)
        {
            throw new EtcdException(EtcdError.KeyNotFound);
        }

        if (!leaseFirst)
        {
            CheckLease(request);
        }
    }

    private void CheckLease(PutRequest request)
    {
        if (request.Lease != 0 && !HasLease(request.Lease))
        {
            throw new EtcdException(EtcdError.LeaseNotFound);
        }
    }

    private bool HasLease(long id)
    {
        Leases.NoteLooked(id);
        return _view.HasLease(id);
    }

    private PutResponse ApplyPut(PutRequest request)
    {
        var revision = OwnRevision;
        var previous = _view.Find(request.Key, _view.Revision);
        if (previous is null && (request.IgnoreValue || request.IgnoreLease))
        {
            // There before the txn, deleted by it: nothing to keep, so the whole txn is refused.
            throw new EtcdException(EtcdError.KeyNotFound);
        }

        var pair = new KeyValue
        {
            Key = request.Key,
            Value = request.IgnoreValue ? previous!.Value : request.Value,
            Lease = request.IgnoreLease ? previous!.Lease : request.Lease,
            ModRevision = revision,
            CreateRevision = previous?.CreateRevision ?? revision,
            Version = (previous?.Version ?? 0) + 1,
        };
        Leases.NoteTouched(pair.Lease);
        Leases.NoteTouched(previous?.Lease ?? 0);
        Change(new Effect(false, pair, previous?.ModRevision ?? 0, previous), pair);

        var response = new PutResponse { Header = Header() };
        if (request.PrevKv && previous is not null)
        {
            response.PrevKv = previous;
        }

        return response;
    }

    private DeleteRangeResponse ApplyDelete(DeleteRangeRequest request, bool isTxn, CancellationToken cancellationToken)
    {
        var keys = new KeyRange(request.Key, request.RangeEnd);
        var found = new List<KeyValue>();
        var count = 0;
        var bytes = 0L;
        var isLarge = false;
        if (keys.IsSingleKey)
        {
            if (_view.Find(request.Key, _view.Revision) is { } pair)
            {
                found.Add(pair);
                count = 1;
            }
        }
        else if (!keys.IsEmpty)
        {
            using var cursor = _view.Scan(keys, _view.Revision);
            while (true)
            {
                var budget = (int)Math.Min(int.MaxValue, EntriesPerListed * (_listedDeletions + 1L));
                CursorMove move;
                while ((move = cursor.MoveNext(ref budget)) == CursorMove.Pair)
                {
                    Leases.NoteTouched(cursor.Lease);
                    count++;
                    if (isLarge && !request.PrevKv)
                    {
                        continue;
                    }

                    // With its value, for the history: to read that later takes longer, and others wait then.
                    var pair = cursor.Read(withValue: true);
                    if (request.PrevKv)
                    {
                        OnRead?.Invoke(pair.Key.Length + pair.Value.Length);
                    }

                    bytes += pair.Value.Length;
                    found.Add(pair);
                    if (!isLarge && (count > _listedDeletions || bytes > _listedBytes))
                    {
                        BecomeLarge();
                    }
                }

                if (move == CursorMove.End)
                {
                    break;
                }

                cancellationToken.ThrowIfCancellationRequested();
                if (!isTxn)
                {
                    RequireMayDecideLarge();
                }
            }
        }

        if (isLarge)
        {
            Delete(BulkDeletion.OfRange(keys, count));
        }
        else
        {
            found.ForEach(Delete);
        }

        var response = new DeleteRangeResponse { Header = Header(), Deleted = count };
        if (request.PrevKv)
        {
            response.PrevKvs.AddRange(found);
        }

        return response;

        void BecomeLarge()
        {
            isLarge = true;
            if (!isTxn)
            {
                RequireMayDecideLarge();
            }

            if (!request.PrevKv)
            {
                found.Clear();
            }
        }
    }

    /// <summary>The pairs that are attached to a lease, in key order; null when they are too many to be held, or to be found at once.</summary>
    private List<KeyValue>? AttachedPairs(long lease, CancellationToken cancellationToken)
    {
        if (_view.HasVeryManyAttached(lease))
        {
            return null;
        }

        var keys = _view.AttachedKeys(lease, (int)Math.Min(int.MaxValue, _listedDeletions + 1L));
        if (keys.Count > _listedDeletions)
        {
            return null;
        }

        var pairs = new List<KeyValue>(keys.Count);
        var bytes = 0L;
        foreach (var key in keys)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var pair = _view.Find(key, _view.Revision) ?? throw new InvalidOperationException($"lease {lease:x} has a key that does not exist");
            pairs.Add(pair);
            bytes += pair.Value.Length;
            if (bytes > _listedBytes)
            {
                return null;
            }
        }

        return pairs;
    }

    private void RequireMayDecideLarge()
    {
        if (!_decidesLarge)
        {
            throw new LargeDeletionException();
        }
    }

    private void Delete(BulkDeletion keys)
    {
        var revision = OwnRevision;
        _effects.Add(new Effect(true, new KeyValue { ModRevision = revision }, 0, null, keys));
        _view.Delete(keys);
        _view.Revision = revision;
    }

    private void Delete(KeyValue pair)
    {
        Leases.NoteTouched(pair.Lease);
        Change(new Effect(true, new KeyValue { Key = pair.Key, ModRevision = OwnRevision }, pair.ModRevision, pair), null);
    }

    private void Change(Effect effect, KeyValue? pair)
    {
        _effects.Add(effect);
        SupersededBytes += effect.Previous?.Value.Length ?? 0;
        _view.Set(effect.Pair.Key, pair);
        _view.Revision = effect.Pair.ModRevision;
    }

    /// <summary>The branches that the compares choose, all of them decided on the state before the txn.</summary>
    private TxnPath ChoosePath(TxnRequest request, CancellationToken cancellationToken)
    {
        var succeeded = true;
        foreach (var compare in request.Compare)
        {
            if (!CompareEvaluation.Holds(compare, _view, NoteRevisionRead, cancellationToken))
            {
                succeeded = false;
                break;
            }
        }

        var path = new TxnPath(succeeded, succeeded ? request.Success : request.Failure);
        foreach (var op in path.Ops)
        {
            if (op.RequestCase == RequestOp.RequestOneofCase.RequestTxn)
            {
                (path.Nested ??= []).Add(ChoosePath(op.RequestTxn, cancellationToken));
            }
        }

        return path;
    }

    private void NoteRevisionRead(KeyValue pair)
    {
        if (pair.ModRevision > _view.Committed.Revision)
        {
            ReliesOnFirstRevision = true;
        }
    }

    private void CheckPuts(TxnPath path)
    {
        var nested = 0;
        foreach (var op in path.Ops)
        {
            if (op.RequestCase == RequestOp.RequestOneofCase.RequestTxn)
            {
                CheckPuts(path.Nested![nested++]);
            }
            else if (op.RequestCase == RequestOp.RequestOneofCase.RequestPut)
            {
                CheckPut(op.RequestPut, leaseFirst: false);
            }
        }
    }

    private void CheckRanges(TxnPath path)
    {
        var nested = 0;
        foreach (var op in path.Ops)
        {
            if (op.RequestCase == RequestOp.RequestOneofCase.RequestTxn)
            {
                CheckRanges(path.Nested![nested++]);
            }
            else if (op.RequestCase == RequestOp.RequestOneofCase.RequestRange && op.RequestRange.Revision is not 0 and var revision)
            {
                // Not "below 1 means current", as outside of a txn.
                if (revision > _view.Committed.Revision)
                {
                    throw new EtcdException(EtcdError.FutureRevision);
                }

                if (revision < _view.CompactedRevision)
                {
                    throw new EtcdException(EtcdError.Compacted);
                }
            }
        }
    }

    private TxnResponse ApplyPath(TxnPath path, CancellationToken cancellationToken)
    {
        var response = new TxnResponse { Succeeded = path.Succeeded };
        response.Responses.Capacity = path.Ops.Count;
        var nested = 0;
        foreach (var op in path.Ops)
        {
            var answer = new ResponseOp();
            switch (op.RequestCase)
            {
                case RequestOp.RequestOneofCase.RequestRange:
                    answer.ResponseRange = ApplyRange(op.RequestRange, cancellationToken);
                    break;
                case RequestOp.RequestOneofCase.RequestPut:
                    answer.ResponsePut = ApplyPut(op.RequestPut);
                    break;
                case RequestOp.RequestOneofCase.RequestDeleteRange:
                    answer.ResponseDeleteRange = ApplyDelete(op.RequestDeleteRange, isTxn: true, cancellationToken);
                    break;
                default:
                    answer.ResponseTxn = ApplyPath(path.Nested![nested++], cancellationToken);
                    answer.ResponseTxn.Header = new ResponseHeader();
                    break;
            }

            response.Responses.Add(answer);
        }

        return response;
    }

    private RangeResponse ApplyRange(RangeRequest request, CancellationToken cancellationToken)
    {
        if (RangeEvaluation.HasFilter(request) && _view.HasChanges)
        {
            // A filter may have weighed revisions that are only assumed yet.
            ReliesOnFirstRevision = true;
        }

        return RangeEvaluation.Run(request, _view, cancellationToken, OnRead);
    }

    private sealed class TxnPath(bool succeeded, RepeatedField<RequestOp> ops)
    {
        public bool Succeeded => succeeded;

        public RepeatedField<RequestOp> Ops => ops;

        /// <summary>The paths of the nested txns among the operations, in their order.</summary>
        public List<TxnPath>? Nested { get; set; }
    }
}
