namespace Granary.Server.Configuration;

/// <summary>A setting cannot be used. The message is one line that says which and what to do.</summary>
internal sealed class SettingsException(string message, int exitCode = 1) : Exception(message)
{
    public int ExitCode { get; } = exitCode;
}
