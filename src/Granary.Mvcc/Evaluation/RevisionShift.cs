using Google.Protobuf;
using Granary.Protos;

namespace Granary.Mvcc.Evaluation;

/// <summary>Moves the revisions that a batch assumed for itself by one distance, each message once.</summary>
internal sealed class RevisionShift(long committed, long distance)
{
    // Effects and responses share pairs: what was moved is not moved again.
    private readonly HashSet<object> _moved = new(ReferenceEqualityComparer.Instance);

    public void Move(KeyValue? pair)
    {
        if (pair is null || !_moved.Add(pair))
        {
            return;
        }

        pair.ModRevision = Moved(pair.ModRevision);
        pair.CreateRevision = Moved(pair.CreateRevision);
    }

    public void Move(in Effect effect)
    {
        // Nobody else has the pair of a deletion.
        if (effect.IsDelete)
        {
            effect.Pair.ModRevision += distance;
        }
        else
        {
            Move(effect.Pair);
        }
    }

    public IReadOnlyList<Effect> Moved(IReadOnlyList<Effect> effects)
    {
        var moved = new Effect[effects.Count];
        for (var i = 0; i < moved.Length; i++)
        {
            moved[i] = effects[i] with { PreviousModRevision = Moved(effects[i].PreviousModRevision) };
        }

        return moved;
    }

    public void Move(IMessage response)
    {
        switch (response)
        {
            case RangeResponse range:
                Move(range.Header);
                MoveAll(range.Kvs);
                break;
            case PutResponse put:
                Move(put.Header);
                Move(put.PrevKv);
                break;
            case DeleteRangeResponse delete:
                Move(delete.Header);
                MoveAll(delete.PrevKvs);
                break;
            case TxnResponse txn:
                Move(txn.Header);
                foreach (var op in txn.Responses)
                {
                    Move(op);
                }

                break;
            case LeaseGrantResponse grant:
                Move(grant.Header);
                break;
            case LeaseRevokeResponse revoke:
                Move(revoke.Header);
                break;
            default:
                throw new ArgumentException($"{response.Descriptor.Name} is no answer to a write.", nameof(response));
        }
    }

    private void Move(ResponseOp op)
    {
        switch (op.ResponseCase)
        {
            case ResponseOp.ResponseOneofCase.ResponseRange:
                Move(op.ResponseRange);
                break;
            case ResponseOp.ResponseOneofCase.ResponsePut:
                Move(op.ResponsePut);
                break;
            case ResponseOp.ResponseOneofCase.ResponseDeleteRange:
                Move(op.ResponseDeleteRange);
                break;
            case ResponseOp.ResponseOneofCase.ResponseTxn:
                Move(op.ResponseTxn);
                break;
        }
    }

    // A header always names a "current" revision, even that before the batch: all of them move. A nested txn's is empty and stays.
    private void Move(ResponseHeader header)
    {
        if (header.Revision != 0)
        {
            header.Revision += distance;
        }
    }

    private void MoveAll(IEnumerable<KeyValue> pairs)
    {
        foreach (var pair in pairs)
        {
            Move(pair);
        }
    }

    private long Moved(long revision) => revision > committed ? revision + distance : revision;
}
