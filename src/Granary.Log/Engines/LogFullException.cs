namespace Granary.Log.Engines;

/// <summary>The record was not taken: no segment has room and no spare could be prepared. What was staged before is unhurt.</summary>
public sealed class LogFullException(string directory, Exception? inner)
    : Exception(
        $"No room for another log segment in {directory}: {inner?.Message ?? "the log is closing"} " +
        "Preparing one is tried again by itself; free some disk space.",
        inner);
