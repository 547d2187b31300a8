namespace Granary.Streams;

/// <summary>Whether anybody on this silo watches yet: until then its stream for watches stands still, and costs nothing.</summary>
public sealed class WatchDemand
{
    private readonly TaskCompletionSource _begun = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Completes when somebody does.</summary>
    internal Task Begun => _begun.Task;

    /// <summary>Somebody does.</summary>
    public void Begin() => _begun.TrySetResult();
}
