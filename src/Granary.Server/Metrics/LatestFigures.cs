using Granary.Storage.Stores;

namespace Granary.Server.Metrics;

/// <summary>
/// The figures of the store for those who read one at a time, as a scrape does: asking the store is dear, and what is given out together
/// is to be of one moment.
/// </summary>
internal sealed class LatestFigures(Func<StoreFigures> ask, TimeProvider time)
{
    // Longer than a scrape takes, shorter than it is until the next one.
    private static readonly TimeSpan Lifetime = TimeSpan.FromMilliseconds(500);

    private readonly Lock _gate = new();
    private StoreFigures? _figures;
    private long _readAt;

    public StoreFigures Value
    {
        get
        {
            lock (_gate)
            {
                if (_figures is null || time.GetElapsedTime(_readAt) >= Lifetime)
                {
                    _figures = ask();
                    _readAt = time.GetTimestamp();
                }

                return _figures;
            }
        }
    }
}
