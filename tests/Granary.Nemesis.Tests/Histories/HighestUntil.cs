namespace Granary.Nemesis.Tests.Histories;

/// <summary>The highest of the revisions that came until a time.</summary>
internal sealed class HighestUntil
{
    private readonly TimeSpan[] _times;
    private readonly long[] _highest;

    public HighestUntil(IEnumerable<(TimeSpan Time, long Revision)> revisions)
    {
        var ordered = revisions.OrderBy(static place => place.Time).ToArray();
        _times = Array.ConvertAll(ordered, static place => place.Time);
        _highest = Array.ConvertAll(ordered, static place => place.Revision);
        for (var i = 1; i < _highest.Length; i++)
        {
            _highest[i] = Math.Max(_highest[i], _highest[i - 1]);
        }
    }

    /// <summary>Zero when there was none.</summary>
    public long At(TimeSpan time)
    {
        var place = Array.BinarySearch(_times, time);
        while (place >= 0 && place + 1 < _times.Length && _times[place + 1] == time)
        {
            place++;
        }

        place = place < 0 ? ~place - 1 : place;
        return place < 0 ? 0 : _highest[place];
    }
}
