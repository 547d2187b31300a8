using Granary.Log.Engines.Embedded;

namespace Granary.Log.Tests.Embedded;

/// <summary>The calls of <see cref="ILogFiles"/> and <see cref="ILogFile"/> that a test can make fail.</summary>
internal enum FileCall
{
    Create,
    Write,
    Flush,
    Rename,
    Delete,
    SyncDirectory,
}

/// <summary>Real files on which the test makes calls fail, and whose flushes cost nothing.</summary>
/// <param name="fails">Asked before each call with the name that the file has then; a failing write leaves its first half behind.</param>
internal sealed class FaultyFiles(Func<FileCall, string, bool> fails) : ILogFiles
{
    public const string Cause = "injected fault";

    private readonly List<FaultyFile> _open = [];

    /// <summary>For tests that open a log very often.</summary>
    public static FaultyFiles NeverFlushed { get; } = new((_, _) => false);

    public ILogFile Create(string path, long bytes)
    {
        FailIfAsked(FileCall.Create, path);
        return Track(path, DiskLogFiles.Instance.Create(path, bytes));
    }

    public ILogFile Open(string path) => Track(path, DiskLogFiles.Instance.Open(path));

    public void Rename(string path, string newPath)
    {
        FailIfAsked(FileCall.Rename, path);
        DiskLogFiles.Instance.Rename(path, newPath);
        lock (_open)
        {
            foreach (var file in _open.Where(file => file.Path == path))
            {
                file.Path = newPath;
            }
        }
    }

    public void Delete(string path)
    {
        FailIfAsked(FileCall.Delete, path);
        DiskLogFiles.Instance.Delete(path);
    }

    public void SyncDirectory(string directory) => FailIfAsked(FileCall.SyncDirectory, directory);

    private void FailIfAsked(FileCall call, string path)
    {
        if (fails(call, path))
        {
            throw new IOException(Cause);
        }
    }

    private FaultyFile Track(string path, ILogFile file)
    {
        var tracked = new FaultyFile(this, file) { Path = path };
        lock (_open)
        {
            _open.Add(tracked);
        }

        return tracked;
    }

    private sealed class FaultyFile(FaultyFiles files, ILogFile file) : ILogFile
    {
        public required string Path { get; set; }

        public long Length => file.Length;

        public void Read(Span<byte> bytes, long offset) => file.Read(bytes, offset);

        public void Write(ReadOnlySpan<byte> bytes, long offset)
        {
            try
            {
                files.FailIfAsked(FileCall.Write, Path);
            }
            catch (IOException)
            {
                file.Write(bytes[..(bytes.Length / 2)], offset);
                throw;
            }

            file.Write(bytes, offset);
        }

        public void Flush() => files.FailIfAsked(FileCall.Flush, Path);

        public void Dispose()
        {
            file.Dispose();
            lock (files._open)
            {
                files._open.Remove(this);
            }
        }
    }
}
