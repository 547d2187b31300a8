using Google.Protobuf;
using Granary.Mvcc.Keys;

namespace Granary.Mvcc.Evaluation;

/// <summary>Counts the keys of a range in steps: what the view has counted already is added, the rest is walked, and the view may remember it.</summary>
public sealed class RangeCount : IDisposable
{
    /// <summary>How many keys a part has that is remembered.</summary>
    public const int KeysPerPart = 512;

    private readonly IKeyspaceView _view;
    private readonly long _revision;
    private readonly IReadOnlyList<KeyRange> _uncounted;
    private readonly List<CountedPart> _parts = [];
    private IPairCursor? _cursor;
    private ByteString _start = ByteString.Empty;
    private int _next;
    private int _keysInPart;

    public RangeCount(IKeyspaceView view, KeyRange keys, long revision)
    {
        _view = view;
        _revision = revision;
        (Count, _uncounted) = keys.IsEmpty ? new KeyCount(0, []) : view.Counted(keys, revision);
    }

    /// <summary>The keys so far.</summary>
    public long Count { get; private set; }

    /// <summary>Looks at up to <paramref name="maxEntries"/> further entries, which is lowered by them; true once all have been seen.</summary>
    public bool Step(ref int maxEntries)
    {
        for (; _next < _uncounted.Count; _next++)
        {
            var keys = _uncounted[_next];
            if (_cursor is null)
            {
                _cursor = _view.Scan(keys, _revision);
                _start = keys.Start;
            }

            if (!Walk(_cursor, ref maxEntries))
            {
                return false;
            }

            _cursor.Dispose();
            _cursor = null;
            if (_parts.Count > 0)
            {
                EndPart();
                _view.Remember(keys, _revision, _parts);
                _parts.Clear();
            }

            _keysInPart = 0;
        }

        return true;
    }

    public void Dispose() => _cursor?.Dispose();

    private bool Walk(IPairCursor cursor, ref int maxEntries)
    {
        CursorMove move;
        while ((move = cursor.MoveNext(ref maxEntries)) == CursorMove.Pair)
        {
            if (_keysInPart == KeysPerPart)
            {
                EndPart();
                _start = ByteString.CopyFrom(cursor.Key);
            }

            _keysInPart++;
            Count++;
        }

        return move == CursorMove.End;
    }

    private void EndPart()
    {
        _parts.Add(new CountedPart(_start, _keysInPart));
        _keysInPart = 0;
    }
}
