namespace Granary.Log.Engines.Embedded;

/// <summary>Another process, or another instance in this one, has the log open.</summary>
public sealed class LogInUseException(string directory, Exception inner)
    : Exception($"The log in {directory} is in use by another process.", inner);
