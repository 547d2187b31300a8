namespace Granary.Log.Tests.Embedded;

/// <summary>A directory of its own for one test's log, and whole images of it.</summary>
internal sealed class LogDirectory : IDisposable
{
    public LogDirectory() => Path = Directory.CreateTempSubdirectory("granary-log-").FullName;

    public string Path { get; }

    public IReadOnlyList<string> Segments => Named("*.segment");

    public IReadOnlyList<string> Spares => Named("*.spare");

    public IReadOnlyList<string> Named(string pattern) => [.. Directory.EnumerateFiles(Path, pattern).Order(StringComparer.Ordinal)];

    /// <summary>All files by name, but for the lock, which an open log holds.</summary>
    public SortedDictionary<string, byte[]> Read()
    {
        var image = new SortedDictionary<string, byte[]>(StringComparer.Ordinal);
        foreach (var path in Directory.EnumerateFiles(Path))
        {
            var name = System.IO.Path.GetFileName(path);
            if (name != "lock")
            {
                image.Add(name, File.ReadAllBytes(path));
            }
        }

        return image;
    }

    /// <summary>Makes the directory hold these files and no others.</summary>
    public void Write(IReadOnlyDictionary<string, byte[]> image)
    {
        foreach (var path in Directory.EnumerateFiles(Path))
        {
            if (!image.ContainsKey(System.IO.Path.GetFileName(path)))
            {
                File.Delete(path);
            }
        }

        foreach (var (name, bytes) in image)
        {
            Write(name, bytes);
        }
    }

    /// <summary>Gives one file this content. In place: a file system may flush a file that was emptied and written anew.</summary>
    public void Write(string name, byte[] bytes)
    {
        using var file = File.OpenHandle(System.IO.Path.Combine(Path, name), FileMode.OpenOrCreate, FileAccess.Write);
        RandomAccess.Write(file, bytes, 0);
        if (RandomAccess.GetLength(file) != bytes.Length)
        {
            RandomAccess.SetLength(file, bytes.Length);
        }
    }

    /// <summary>What a crash would leave to a new process: all that was written, but no lock.</summary>
    public LogDirectory Copy()
    {
        var copy = new LogDirectory();
        copy.Write(Read());
        return copy;
    }

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
