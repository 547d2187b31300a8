namespace Granary.Server;

/// <summary>How grains and services of this process call the store.</summary>
public sealed class InClusterClientOptions
{
    // What timers take.
    private static readonly TimeSpan LongestTimeout = TimeSpan.FromMilliseconds(int.MaxValue);

    /// <summary>Whose permissions hold for the calls where authentication is on. Null: the calls are the server's own, which may do anything.</summary>
    public string? UserName { get; set; }

    /// <summary>How long a call is tried.</summary>
    public TimeSpan CallTimeout { get; set; } = TimeSpan.FromSeconds(10);

    /// <exception cref="ArgumentException">Something is wrong; the message names it.</exception>
    internal void Validate()
    {
        if (CallTimeout <= TimeSpan.Zero || CallTimeout > LongestTimeout)
        {
            throw new ArgumentException($"{nameof(CallTimeout)} is {CallTimeout}: it must be more than zero, and at most {LongestTimeout}.");
        }
    }
}
