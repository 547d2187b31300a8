using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Granary.Testing;

/// <summary>Sends a signal to a child process, which .NET itself can only kill.</summary>
public static class Signals
{
    public const int Interrupt = 2;

    public const int Terminate = 15;

    public static void Send(Process process, int signal)
    {
        if (Kill(process.Id, signal) != 0)
        {
            throw new InvalidOperationException($"Signal {signal} to process {process.Id} failed: {Marshal.GetLastPInvokeErrorMessage()}");
        }
    }

    [DllImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static extern int Kill(int processId, int signal);
}
