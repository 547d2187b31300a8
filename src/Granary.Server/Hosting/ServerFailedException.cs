namespace Granary.Server.Hosting;

/// <summary>The server can write no more. A new start reads the log anew, and finds out what of the last writes is in it.</summary>
internal sealed class ServerFailedException(string reason) : Exception($"ended, since nothing could be written any more: {reason}")
{
    /// <summary>Of its own, so that a supervisor can tell it from wrong settings. sysexits.h calls it EX_IOERR.</summary>
    public const int ExitCode = 74;
}
