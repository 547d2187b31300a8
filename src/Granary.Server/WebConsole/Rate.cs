namespace Granary.Server.WebConsole;

/// <summary>How fast a count grows.</summary>
/// <param name="count">The count.</param>
internal sealed class Rate(Func<long> count)
{
    private long _before;

    /// <summary>Per second since the last call; NaN for no time.</summary>
    public float Next(TimeSpan elapsed)
    {
        var now = count();
        var added = now - _before;
        _before = now;
        return elapsed > TimeSpan.Zero ? (float)(added / elapsed.TotalSeconds) : float.NaN;
    }
}
