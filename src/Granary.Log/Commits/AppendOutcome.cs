namespace Granary.Log.Commits;

/// <summary>What became of a batch that was not in error.</summary>
public enum AppendOutcome
{
    /// <summary>Durable and applied.</summary>
    Committed,

    /// <summary>A fact that it rested on has changed; nothing of it is in the log. Evaluate it anew.</summary>
    Refused,
}
