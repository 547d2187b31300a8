using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Granary.Log.Segments;

/// <summary>One open file of the log on a real file system.</summary>
internal sealed partial class DiskLogFile(SafeFileHandle handle) : ILogFile
{
    public long Length => RandomAccess.GetLength(handle);

    public void Read(Span<byte> bytes, long offset)
    {
        while (!bytes.IsEmpty)
        {
            var read = RandomAccess.Read(handle, bytes, offset);
            if (read == 0)
            {
                throw new EndOfStreamException($"The file ends at {offset}, {bytes.Length} bytes too early.");
            }

            bytes = bytes[read..];
            offset += read;
        }
    }

    public void Write(ReadOnlySpan<byte> bytes, long offset) => RandomAccess.Write(handle, bytes, offset);

    public void Flush()
    {
        if (!OperatingSystem.IsLinux())
        {
            RandomAccess.FlushToDisk(handle);
            return;
        }

        // Segments never change size, so their data is all there is to flush; .NET itself only offers fsync, which adds the times.
        // Not tried again, not even after EINTR: after a failure the kernel may count unwritten pages as clean.
        if (SyncData(handle) != 0)
        {
            throw new IOException($"fdatasync failed: {Marshal.GetLastPInvokeErrorMessage()}.");
        }
    }

    public void Dispose() => handle.Dispose();

    [LibraryImport("libc", EntryPoint = "fdatasync", SetLastError = true)]
    private static partial int SyncData(SafeFileHandle handle);
}
