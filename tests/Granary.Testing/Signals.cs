using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Granary.Testing;

/// <summary>Sends a signal to a child process, which .NET itself can only kill.</summary>
public static class Signals
{
    public const int Interrupt = 2;

    public const int Quit = 3;

    public const int Terminate = 15;

    /// <summary>SIGCONT of Linux.</summary>
    public const int Continue = 18;

    /// <summary>SIGSTOP of Linux: stops the process, which is not asked.</summary>
    public const int StandStill = 19;

    // ESRCH of Linux.
    private const int NoSuchProcess = 3;

    public static void Send(Process process, int signal) => Send(process.Id, signal);

    public static void Send(int processId, int signal)
    {
        if (!TrySend(processId, signal))
        {
            throw new InvalidOperationException($"There is no process {processId} to send signal {signal} to.");
        }
    }

    /// <summary>False when the process is gone.</summary>
    public static bool TrySend(int processId, int signal)
    {
        if (Kill(processId, signal) == 0)
        {
            return true;
        }

        if (Marshal.GetLastPInvokeError() != NoSuchProcess)
        {
            throw new InvalidOperationException($"Signal {signal} to process {processId} failed: {Marshal.GetLastPInvokeErrorMessage()}");
        }

        return false;
    }

    [DllImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static extern int Kill(int processId, int signal);
}
