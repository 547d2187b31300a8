using Google.Protobuf;

namespace Granary.Mvcc.Keys;

/// <summary>
/// Finds the ranges that contain a key in O(log n + found): single keys by hash, the others in a treap by start that knows the
/// furthest end below each of its nodes.
/// </summary>
/// <typeparam name="T">What belongs to one range.</typeparam>
public sealed class KeyRangeIndex<T>
    where T : class
{
    private readonly Dictionary<ByteString, T> _keys = [];
    private Node? _root;
    private uint _random = 2463534242;

    /// <summary>Ranges in the index.</summary>
    public int Count { get; private set; }

    /// <summary>What belongs to a range, made when the range is new. The range must not be empty.</summary>
    public T GetOrAdd(KeyRange range, Func<T> create)
    {
        if (Find(range) is { } found)
        {
            return found;
        }

        var value = create();
        if (range.IsSingleKey)
        {
            _keys.Add(range.Start, value);
        }
        else
        {
            _root = Insert(_root, new Node(range, value, NextPriority()));
        }

        Count++;
        return value;
    }

    public bool Remove(KeyRange range)
    {
        if (Find(range) is null)
        {
            return false;
        }

        if (range.IsSingleKey)
        {
            _keys.Remove(range.Start);
        }
        else
        {
            _root = Remove(_root!, range);
        }

        Count--;
        return true;
    }

    /// <summary>Adds what belongs to the ranges that contain <paramref name="key"/> to <paramref name="target"/>.</summary>
    public void FindContaining(ByteString key, List<T> target)
    {
        if (_keys.TryGetValue(key, out var value))
        {
            target.Add(value);
        }

        Collect(_root, key, target);
    }

    /// <summary>Adds what belongs to the ranges that have a key in common with <paramref name="range"/> to <paramref name="target"/>.</summary>
    public void FindOverlapping(KeyRange range, List<T> target)
    {
        foreach (var (key, value) in _keys)
        {
            if (range.Contains(key))
            {
                target.Add(value);
            }
        }

        CollectOverlapping(_root, range.Start, range.ExclusiveEnd(), target);
    }

    private T? Find(KeyRange range)
    {
        if (range.IsSingleKey)
        {
            return _keys.GetValueOrDefault(range.Start);
        }

        for (var node = _root; node is not null;)
        {
            var order = Compare(range, node.Range);
            if (order == 0)
            {
                return node.Value;
            }

            node = order < 0 ? node.Left : node.Right;
        }

        return null;
    }

    private static void Collect(Node? node, ByteString key, List<T> target)
    {
        while (node is not null && IsBefore(key, node.FurthestEnd))
        {
            Collect(node.Left, key, target);
            if (KeyRange.Compare(node.Range.Start, key) > 0)
            {
                return;
            }

            if (IsBefore(key, node.Range.ExclusiveEnd()))
            {
                target.Add(node.Value);
            }

            node = node.Right;
        }
    }

    private static void CollectOverlapping(Node? node, ByteString start, ByteString? end, List<T> target)
    {
        while (node is not null && IsBefore(start, node.FurthestEnd))
        {
            CollectOverlapping(node.Left, start, end, target);
            if (!IsBefore(node.Range.Start, end))
            {
                return;
            }

            if (IsBefore(start, node.Range.ExclusiveEnd()))
            {
                target.Add(node.Value);
            }

            node = node.Right;
        }
    }

    private static Node Insert(Node? node, Node added)
    {
        if (node is null)
        {
            return added;
        }

        if (added.Priority > node.Priority)
        {
            (added.Left, added.Right) = Split(node, added.Range);
            added.Update();
            return added;
        }

        if (Compare(added.Range, node.Range) < 0)
        {
            node.Left = Insert(node.Left, added);
        }
        else
        {
            node.Right = Insert(node.Right, added);
        }

        node.Update();
        return node;
    }

    private static (Node? Below, Node? Above) Split(Node? node, KeyRange at)
    {
        if (node is null)
        {
            return (null, null);
        }

        if (Compare(node.Range, at) < 0)
        {
            (node.Right, var above) = Split(node.Right, at);
            node.Update();
            return (node, above);
        }

        (var below, node.Left) = Split(node.Left, at);
        node.Update();
        return (below, node);
    }

    private static Node? Remove(Node node, KeyRange range)
    {
        var order = Compare(range, node.Range);
        if (order == 0)
        {
            return Merge(node.Left, node.Right);
        }

        if (order < 0)
        {
            node.Left = Remove(node.Left!, range);
        }
        else
        {
            node.Right = Remove(node.Right!, range);
        }

        node.Update();
        return node;
    }

    private static Node? Merge(Node? left, Node? right)
    {
        if (left is null || right is null)
        {
            return left ?? right;
        }

        if (left.Priority > right.Priority)
        {
            left.Right = Merge(left.Right, right);
            left.Update();
            return left;
        }

        right.Left = Merge(left, right.Left);
        right.Update();
        return right;
    }

    private static int Compare(KeyRange left, KeyRange right)
    {
        var order = KeyRange.Compare(left.Start, right.Start);
        return order != 0 ? order : KeyRange.Compare(left.End, right.End);
    }

    private static bool IsBefore(ByteString key, ByteString? end) => end is null || KeyRange.Compare(key, end) < 0;

    private uint NextPriority()
    {
        _random ^= _random << 13;
        _random ^= _random >> 17;
        _random ^= _random << 5;
        return _random;
    }

    private sealed class Node(KeyRange range, T value, uint priority)
    {
        public KeyRange Range => range;

        public T Value => value;

        public uint Priority => priority;

        public Node? Left { get; set; }

        public Node? Right { get; set; }

        /// <summary>The furthest end of this and all nodes below; null when one of them has no end.</summary>
        public ByteString? FurthestEnd { get; private set; } = range.ExclusiveEnd();

        public void Update() => FurthestEnd = Further(Further(range.ExclusiveEnd(), Left), Right);

        private static ByteString? Further(ByteString? end, Node? node) =>
            end is null || node is null ? end
            : node.FurthestEnd is { } other && KeyRange.Compare(other, end) <= 0 ? end
            : node.FurthestEnd;
    }
}
