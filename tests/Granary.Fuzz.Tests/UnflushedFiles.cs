using Granary.Log.Engines;
using Granary.Log.Engines.Embedded;

namespace Granary.Fuzz.Tests;

/// <summary>Real files whose flushes cost nothing, for a log that is opened very often.</summary>
internal sealed class UnflushedFiles : ILogFiles
{
    public static readonly UnflushedFiles Instance = new();

    public ILogFile Create(string path, long bytes) => new UnflushedFile(DiskLogFiles.Instance.Create(path, bytes));

    public ILogFile Open(string path) => new UnflushedFile(DiskLogFiles.Instance.Open(path));

    public void Rename(string path, string newPath) => DiskLogFiles.Instance.Rename(path, newPath);

    public void Delete(string path) => DiskLogFiles.Instance.Delete(path);

    public void SyncDirectory(string directory)
    {
    }

    private sealed class UnflushedFile(ILogFile file) : ILogFile
    {
        public long Length => file.Length;

        public void Read(Span<byte> bytes, long offset) => file.Read(bytes, offset);

        public void Write(ReadOnlySpan<byte> bytes, long offset) => file.Write(bytes, offset);

        public void Flush()
        {
        }

        public void Dispose() => file.Dispose();
    }
}
