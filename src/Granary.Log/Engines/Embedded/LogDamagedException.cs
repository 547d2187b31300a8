namespace Granary.Log.Engines.Embedded;

/// <summary>The log on disk is not what was once made durable. It was left untouched.</summary>
public sealed class LogDamagedException(string file, long offset, string damage, Exception? inner = null)
    : Exception(
        $"The log is damaged: {file} at offset {offset}: {damage}. Nothing was changed. " +
        "Keep a copy of the directory, then restore the store from a snapshot, or bring back the file from a copy.",
        inner)
{
    /// <summary>Full path of the file in which the damage shows.</summary>
    public string File { get; } = file;

    /// <summary>Where in <see cref="File"/> the first unit begins that is not as it must be.</summary>
    public long Offset { get; } = offset;
}
