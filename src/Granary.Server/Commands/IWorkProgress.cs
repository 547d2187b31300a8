namespace Granary.Server.Commands;

/// <summary>Shows how far long work is.</summary>
internal interface IWorkProgress
{
    /// <summary>Begins a part of the work; what comes back is told of what was done since it was told last, in the unit of the total.</summary>
    Action<long> Begin(string what, long total);
}
