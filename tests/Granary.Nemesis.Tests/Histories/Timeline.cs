namespace Granary.Nemesis.Tests.Histories;

/// <summary>The states that the events of a log make, each to be asked for by its revision.</summary>
internal sealed class Timeline
{
    private readonly SortedDictionary<string, List<Change>> _byKey = new(StringComparer.Ordinal);
    private readonly Dictionary<string, List<Change>> _byValue = [];
    private readonly Dictionary<long, List<Change>> _byRevision = [];

    public Timeline(IReadOnlyList<Change> log)
    {
        foreach (var change in log)
        {
            Add(_byKey, change.Key, change);
            Add(_byRevision, change.Revision, change);
            if (change.Value is { } value)
            {
                Add(_byValue, value, change);
            }

            Last = change.Revision;
        }
    }

    /// <summary>The last revision; 1 if nothing was written.</summary>
    public long Last { get; } = 1;

    /// <summary>The events of a revision.</summary>
    public IReadOnlyList<Change> At(long revision) => _byRevision.GetValueOrDefault(revision) ?? [];

    /// <summary>The events by which a value was written.</summary>
    public IReadOnlyList<Change> WritesOf(string value) => _byValue.GetValueOrDefault(value) ?? [];

    /// <summary>The modification revision of a key, 0 if it is not there.</summary>
    public long ModRevision(string key, long revision) =>
        _byKey.TryGetValue(key, out var changes) && Newest(changes, revision) is { Value: not null } change ? change.Revision : 0;

    /// <summary>The revision at which a value was written; null if it was not.</summary>
    public long? RevisionOf(string value) => _byValue.TryGetValue(value, out var changes) ? changes[0].Revision : null;

    /// <summary>All pairs, by key.</summary>
    public IEnumerable<Pair> Pairs(long revision) => Pairs(_byKey.Values, revision);

    /// <summary>The pair of a key, if it is there.</summary>
    public IEnumerable<Pair> Pairs(long revision, string key) => Pairs(_byKey.TryGetValue(key, out var changes) ? [changes] : [], revision);

    private static IEnumerable<Pair> Pairs(IEnumerable<List<Change>> keys, long revision) =>
        keys.Select(changes => Newest(changes, revision)).OfType<Change>().Where(static change => change.Value is not null)
            .Select(static change => new Pair(change.Key, change.Value!, change.Revision));

    private static void Add<TKey>(IDictionary<TKey, List<Change>> index, TKey key, Change change)
    {
        if (!index.TryGetValue(key, out var changes))
        {
            index.Add(key, changes = []);
        }

        changes.Add(change);
    }

    private static Change? Newest(List<Change> changes, long revision)
    {
        var (low, high) = (0, changes.Count);
        while (low < high)
        {
            var middle = (low + high) / 2;
            (low, high) = changes[middle].Revision <= revision ? (middle + 1, high) : (low, middle);
        }

        return low == 0 ? null : changes[low - 1];
    }
}
