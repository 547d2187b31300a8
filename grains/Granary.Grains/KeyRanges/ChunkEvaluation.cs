using Google.Protobuf;
using Granary.Mvcc.Errors;
using Granary.Mvcc.Evaluation;
using Granary.Mvcc.Keys;
using Granary.Protos;
using Granary.Storage.Replicas;

namespace Granary.Grains.KeyRanges;

/// <summary>Reads one chunk of a range on one state, in steps of bounded length.</summary>
internal sealed class ChunkEvaluation : IDisposable
{
    private readonly ReplicaView _view;
    private readonly RangeRequest _request;
    private readonly int _maxPairs;
    private readonly long _revision;
    private readonly RangeResponse _part = new();
    private readonly IPairCursor? _cursor;
    private bool _isLast;

    /// <exception cref="EtcdException">The revision is compacted or in the future.</exception>
    public ChunkEvaluation(ReplicaView view, RangeRequest request, ByteString from, int maxPairs)
    {
        _view = view;
        _request = request;
        _maxPairs = maxPairs;
        _revision = request.Revision > 0 ? request.Revision : view.Revision;
        if (_revision > view.Revision)
        {
            throw new EtcdException(EtcdError.FutureRevision);
        }

        if (_revision < view.CompactedRevision)
        {
            throw new EtcdException(EtcdError.Compacted);
        }

        var keys = new KeyRange(from, request.RangeEnd);
        if (!keys.IsSingleKey && !keys.IsEmpty)
        {
            _cursor = view.Scan(keys, _revision);
        }
        else if (keys.IsSingleKey && view.Find(from, _revision) is { } pair)
        {
            _part.Kvs.Add(request.KeysOnly ? RangeEvaluation.WithoutValue(pair) : pair);
        }
    }

    /// <summary>Looks at up to <paramref name="maxEntries"/> further entries, pairs or not; true once the chunk is complete.</summary>
    public bool Step(int maxEntries)
    {
        var move = CursorMove.End;
        while (_cursor is not null && (move = _cursor.MoveNext(ref maxEntries)) == CursorMove.Pair)
        {
            if (_part.Kvs.Count == _maxPairs)
            {
                return true;
            }

            _part.Kvs.Add(_cursor.Read(!_request.KeysOnly));
        }

        _isLast = move == CursorMove.End;
        return _isLast;
    }

    /// <summary>The chunk, once all steps are done.</summary>
    public RangeChunk Chunk() => new(_part, _revision, _view.Revision, _isLast);

    public void Dispose()
    {
        _cursor?.Dispose();
        _view.Dispose();
    }
}
