using Granary.Mvcc.Evaluation;
using Granary.Protos;

namespace Granary.Storage.Replicas;

/// <summary>A state of the past in key order: pairs that are still the newest and pairs that were superseded since. No key is in both.</summary>
internal sealed class HistoricalCursor(LatestCursor latest, SupersededCursor superseded) : IPairCursor
{
    private bool _started;
    private bool _latestLeft;
    private bool _supersededLeft;
    private bool _onLatest;

    public bool MoveNext()
    {
        if (!_started)
        {
            _started = true;
            _latestLeft = latest.MoveNext();
            _supersededLeft = superseded.MoveNext();
        }
        else if (_onLatest)
        {
            _latestLeft = latest.MoveNext();
        }
        else
        {
            _supersededLeft = superseded.MoveNext();
        }

        _onLatest = _latestLeft && (!_supersededLeft || latest.Key.SequenceCompareTo(superseded.Key) < 0);
        return _latestLeft || _supersededLeft;
    }

    public KeyValue Read(bool withValue) => _onLatest ? latest.Read(withValue) : superseded.Read(withValue);

    public void Dispose()
    {
        latest.Dispose();
        superseded.Dispose();
    }
}
