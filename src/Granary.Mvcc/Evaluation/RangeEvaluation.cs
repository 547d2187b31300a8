using Google.Protobuf;
using Granary.Mvcc.Errors;
using Granary.Mvcc.Keys;
using Granary.Protos;
using SortOrder = Granary.Protos.RangeRequest.Types.SortOrder;
using SortTarget = Granary.Protos.RangeRequest.Types.SortTarget;

namespace Granary.Mvcc.Evaluation;

/// <summary>
/// Answers one Range on one state, in steps of bounded length, so that a long one can be left between two steps.
/// The order fetch, count, filter, sort, truncate is etcd's: its effects can be seen from outside.
/// </summary>
public sealed class RangeEvaluation : IDisposable
{
    private readonly RangeRequest _request;
    private readonly IKeyspaceView _view;
    private readonly long _revision;
    private readonly List<KeyValue> _pairs = [];

    // How many pairs are read; those behind are only counted.
    private readonly long _fetchLimit;
    private readonly bool _readsValues;
    private IPairCursor? _cursor;
    private RangeCount? _rest;
    private long _count;

    // So much one step reads at most, however few entries that are.
    private const long BytesPerStep = 1 << 20;

    // Of a pair in memory, beside its key and value.
    private const int PairBytes = 160;

    /// <exception cref="EtcdException">The revision is compacted or in the future.</exception>
    public RangeEvaluation(RangeRequest request, IKeyspaceView view)
    {
        if (request.Revision > view.Revision)
        {
            throw new EtcdException(EtcdError.FutureRevision);
        }

        if (request.Revision > 0 && request.Revision < view.CompactedRevision)
        {
            throw new EtcdException(EtcdError.Compacted);
        }

        _request = request;
        _view = view;
        _revision = request.Revision > 0 ? request.Revision : view.Revision;
        _readsValues = !request.KeysOnly || request.SortTarget == SortTarget.Value;
        _fetchLimit = request.CountOnly ? 0
            : request.SortOrder != SortOrder.None || HasFilter(request) || request.Limit <= 0 || request.Limit == long.MaxValue ? long.MaxValue
            : request.Limit + 1;
    }

    /// <summary>Bytes that the pairs read so far take in memory, roughly.</summary>
    public long Bytes { get; private set; }

    public static bool HasFilter(RangeRequest request) =>
        (request.MinModRevision | request.MaxModRevision | request.MinCreateRevision | request.MaxCreateRevision) != 0;

    /// <summary>The whole answer in one go. Its header names the state's revision.</summary>
    /// <param name="request">What to read.</param>
    /// <param name="view">The state.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <param name="onBytes">Told from time to time how many bytes more have been read; may give up by throwing.</param>
    public static RangeResponse Run(RangeRequest request, IKeyspaceView view, CancellationToken cancellationToken, Action<long>? onBytes = null)
    {
        using var evaluation = new RangeEvaluation(request, view);
        var told = 0L;
        bool done;
        do
        {
            cancellationToken.ThrowIfCancellationRequested();
            done = evaluation.Step(1024);
            onBytes?.Invoke(evaluation.Bytes - told);
            told = evaluation.Bytes;
        }
        while (!done);

        return evaluation.Response();
    }

    /// <summary>Looks at up to <paramref name="maxEntries"/> further entries, pairs or not, less when they are large; true once all have been seen.</summary>
    public bool Step(int maxEntries)
    {
        var keys = new KeyRange(_request.Key, _request.RangeEnd);
        if (keys.IsSingleKey)
        {
            if (_view.Find(_request.Key, _revision) is { } pair)
            {
                _count = 1;
                if (!_request.CountOnly)
                {
                    Add(pair);
                }
            }

            return true;
        }

        if (keys.IsEmpty)
        {
            return true;
        }

        if (_rest is not null)
        {
            return _rest.Step(ref maxEntries);
        }

        _cursor ??= _view.Scan(keys, _revision);
        CursorMove move;
        var enough = Bytes + BytesPerStep;
        while ((move = _cursor.MoveNext(ref maxEntries)) == CursorMove.Pair)
        {
            if (_count++ < _fetchLimit)
            {
                Add(_cursor.Read(_readsValues));
                if (Bytes >= enough)
                {
                    return false;
                }
            }
            else if (_count - _fetchLimit == RangeCount.KeysPerPart)
            {
                // Few are soonest counted one by one, of many the view may know the number.
                _rest = new RangeCount(_view, new KeyRange(KeyRange.Successor(ByteString.CopyFrom(_cursor.Key)), keys.End), _revision);
                return _rest.Step(ref maxEntries);
            }
        }

        return move == CursorMove.End;
    }

    /// <summary>The answer, once all steps are done.</summary>
    public RangeResponse Response()
    {
        var response = new RangeResponse { Header = new ResponseHeader { Revision = _view.Revision }, Count = _count + (_rest?.Count ?? 0) };
        if (_request.CountOnly)
        {
            return response;
        }

        if (HasFilter(_request))
        {
            _pairs.RemoveAll(IsFilteredOut);
        }

        Sort();
        var length = _pairs.Count;
        if (_request.Limit > 0 && length > _request.Limit)
        {
            length = (int)_request.Limit;
            response.More = true;
        }

        response.Kvs.Capacity = length;
        for (var i = 0; i < length; i++)
        {
            response.Kvs.Add(_request.KeysOnly ? WithoutValue(_pairs[i]) : _pairs[i]);
        }

        return response;
    }

    public void Dispose()
    {
        _cursor?.Dispose();
        _rest?.Dispose();
    }

    private void Add(KeyValue pair)
    {
        _pairs.Add(pair);
        Bytes += PairBytes + pair.Key.Length + pair.Value.Length;
    }

    /// <summary>The pair without its value: itself if it has none, else a copy.</summary>
    public static KeyValue WithoutValue(KeyValue pair) => pair.Value.IsEmpty ? pair : new KeyValue
    {
        Key = pair.Key,
        CreateRevision = pair.CreateRevision,
        ModRevision = pair.ModRevision,
        Version = pair.Version,
        Lease = pair.Lease,
    };

    private bool IsFilteredOut(KeyValue pair) =>
        (_request.MaxModRevision != 0 && pair.ModRevision > _request.MaxModRevision)
        || (_request.MinModRevision != 0 && pair.ModRevision < _request.MinModRevision)
        || (_request.MaxCreateRevision != 0 && pair.CreateRevision > _request.MaxCreateRevision)
        || (_request.MinCreateRevision != 0 && pair.CreateRevision < _request.MinCreateRevision);

    private void Sort()
    {
        // A target without an order sorts upwards, but only what the limit let in.
        var descending = _request.SortOrder == SortOrder.Descend;
        if (_request.SortTarget == SortTarget.Key)
        {
            if (descending)
            {
                _pairs.Reverse();
            }

            return;
        }

        Comparison<KeyValue> compare = _request.SortTarget switch
        {
            SortTarget.Version => static (a, b) => a.Version.CompareTo(b.Version),
            SortTarget.Create => static (a, b) => a.CreateRevision.CompareTo(b.CreateRevision),
            SortTarget.Mod => static (a, b) => a.ModRevision.CompareTo(b.ModRevision),
            _ => static (a, b) => KeyRange.Compare(a.Value, b.Value),
        };
        _pairs.Sort((a, b) =>
        {
            var order = descending ? compare(b, a) : compare(a, b);
            return order != 0 ? order : KeyRange.Compare(a.Key, b.Key);
        });
    }
}
