using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Granary.Log.Engines.Embedded;

/// <summary>One open file of the log on a real file system.</summary>
internal sealed partial class DiskLogFile(SafeFileHandle handle) : ILogFile
{
    // Grows while the file is filled for the first time. If the file is ever shorter, somebody cut it, and records went with the end.
    private long _bytes = RandomAccess.GetLength(handle);

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

    public void Write(ReadOnlySpan<byte> bytes, long offset)
    {
        // Before writing, which would fill the gap with zeros.
        var length = RandomAccess.GetLength(handle);
        if (length < _bytes)
        {
            throw new IOException($"The file was cut to {length} bytes while it was in use; it had {_bytes}.");
        }

        RandomAccess.Write(handle, bytes, offset);
        _bytes = Math.Max(length, offset + bytes.Length);
    }

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
