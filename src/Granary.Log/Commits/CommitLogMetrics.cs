using System.Diagnostics;

namespace Granary.Log.Commits;

/// <summary>The names under which the log measures and traces.</summary>
public static class CommitLogMetrics
{
    public const string Name = "Granary.Log";

    internal static readonly ActivitySource Source = new(Name);
}
