namespace Granary.Samples.Tests;

/// <summary>What the tests of the samples share.</summary>
public abstract class SampleTest
{
    /// <summary>For whatever comes by itself.</summary>
    public static TimeSpan Generous { get; } = TimeSpan.FromSeconds(120);

    private protected static CancellationToken Stop => TestContext.Current.CancellationToken;
}
