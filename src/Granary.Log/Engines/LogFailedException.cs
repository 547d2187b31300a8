namespace Granary.Log.Engines;

/// <summary>A write or a flush failed, so what is durable is unknown. Final for this instance: open the log anew to find out.</summary>
public sealed class LogFailedException(string place, Exception inner)
    : Exception(
        $"Writing the log in {place} failed: {inner.Message} " +
        "Whether the last records are durable is unknown until the log is opened anew.",
        inner);
