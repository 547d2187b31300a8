namespace Granary.Client;

/// <summary>What an alarm is about.</summary>
public enum AlarmKind
{
    /// <summary>There is no space: writes that take some are refused.</summary>
    NoSpace = 1,

    /// <summary>The replicas of members differ: nothing is served.</summary>
    Corrupt = 2,
}
