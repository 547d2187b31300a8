namespace Granary.Log.Commits;

/// <summary>The log has no room for a record. Nothing was written; it goes on by itself when there is space again.</summary>
public sealed class LogFullException(string message, Exception? reason = null) : Exception(message, reason);

/// <summary>A write or flush of the log failed. Its outcome is unknown, so the log takes nothing more until it is opened anew.</summary>
public sealed class LogFailedException(string message, Exception? reason = null) : Exception(message, reason);
