using Granary.Mvcc.Evaluation;
using Granary.Protos;

namespace Granary.Storage.Replicas;

/// <summary>A state of the past in key order: pairs that are still the newest and pairs that were superseded since. No key is in both.</summary>
internal sealed class HistoricalCursor(LatestCursor latest, SupersededCursor superseded) : IPairCursor
{
    // Where each of the two stands; it has to move on when that is Paused.
    private CursorMove _latest = CursorMove.Paused;
    private CursorMove _superseded = CursorMove.Paused;
    private bool _onLatest;
    private bool _onPair;

    public CursorMove MoveNext(ref int budget)
    {
        if (_onPair)
        {
            _onPair = false;
            (_onLatest ? ref _latest : ref _superseded) = CursorMove.Paused;
        }

        if (_latest == CursorMove.Paused)
        {
            _latest = latest.MoveNext(ref budget);
        }

        if (_superseded == CursorMove.Paused)
        {
            _superseded = superseded.MoveNext(ref budget);
        }

        if (_latest == CursorMove.Paused || _superseded == CursorMove.Paused)
        {
            return CursorMove.Paused;
        }

        _onLatest = _latest == CursorMove.Pair
            && (_superseded == CursorMove.End || latest.Key.SequenceCompareTo(superseded.Key) < 0);
        _onPair = _latest == CursorMove.Pair || _superseded == CursorMove.Pair;
        return _onPair ? CursorMove.Pair : CursorMove.End;
    }

    public ReadOnlySpan<byte> Key => _onLatest ? latest.Key : superseded.Key;

    public long Lease => _onLatest ? latest.Lease : superseded.Lease;

    public KeyValue Read(bool withValue) => _onLatest ? latest.Read(withValue) : superseded.Read(withValue);

    public void Dispose()
    {
        latest.Dispose();
        superseded.Dispose();
    }
}
