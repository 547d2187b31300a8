using System.Runtime.InteropServices;

namespace Granary.Server.Hosting;

/// <summary>Has all files that the process makes from now on be its user's alone, whichever library makes them.</summary>
internal static class PrivateFiles
{
    // No right for the group and for others.
    private const uint OthersMask = 0x3F;

    public static void Begin()
    {
        if (!OperatingSystem.IsWindows())
        {
            _ = SetMask(OthersMask);
        }
    }

    [DllImport("libc", EntryPoint = "umask")]
    private static extern uint SetMask(uint mask);
}
