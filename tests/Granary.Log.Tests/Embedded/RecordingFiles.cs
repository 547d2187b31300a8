using Granary.Log.Engines.Embedded;

namespace Granary.Log.Tests.Embedded;

/// <summary>
/// Real files whose every change is noted, so that a test can make up what a power cut at any moment may have left: all that was
/// flushed, and of the rest any subset of the sectors that were written.
/// </summary>
internal sealed class RecordingFiles : ILogFiles
{
    private const int SectorBytes = 512;

    private readonly Lock _noting = new();
    private readonly List<Change> _changes = [];

    // Which file has a name now; files keep their number when they are renamed.
    private readonly Dictionary<string, int> _numbers = [];
    private int _lastNumber;

    /// <summary>Begins with the files that are there.</summary>
    public RecordingFiles(LogDirectory directory)
    {
        foreach (var (name, bytes) in directory.Read())
        {
            _numbers[name] = ++_lastNumber;
            _changes.Add(new Link(_lastNumber, name));
            _changes.Add(new Written(_lastNumber, 0, bytes));
            _changes.Add(new Flushed(_lastNumber));
        }

        _changes.Add(new DirectoryFlushed());
    }

    public int Count
    {
        get
        {
            lock (_noting)
            {
                return _changes.Count;
            }
        }
    }

    public ILogFile Create(string path, long bytes) => Noted(() =>
    {
        var file = DiskLogFiles.Instance.Create(path, bytes);
        _numbers[Name(path)] = ++_lastNumber;
        return (new RecordingFile(this, _lastNumber, file), new Link(_lastNumber, Name(path)));
    });

    public ILogFile Open(string path)
    {
        lock (_noting)
        {
            return new RecordingFile(this, _numbers[Name(path)], DiskLogFiles.Instance.Open(path));
        }
    }

    public void Rename(string path, string newPath) => Noted(() =>
    {
        DiskLogFiles.Instance.Rename(path, newPath);
        _numbers.Remove(Name(path), out var number);
        _numbers[Name(newPath)] = number;
        return (true, new Renamed(Name(path), Name(newPath)));
    });

    public void Delete(string path) => Noted(() =>
    {
        DiskLogFiles.Instance.Delete(path);
        _numbers.Remove(Name(path));
        return (true, new Unlinked(Name(path)));
    });

    public void SyncDirectory(string directory) => Noted(() => (true, new DirectoryFlushed()));

    /// <summary>What may be on disk after the first <paramref name="count"/> changes and a power cut.</summary>
    public SortedDictionary<string, byte[]> AfterPowerCut(int count, Random random)
    {
        List<Change> changes;
        lock (_noting)
        {
            changes = _changes[..count];
        }

        var files = new Dictionary<int, MemoryStream>();
        for (var i = 0; i < changes.Count; i++)
        {
            if (changes[i] is Written write)
            {
                var flushed = changes.FindIndex(i, change => change is Flushed flush && flush.File == write.File) >= 0;
                Apply(write, files, _ => flushed || random.Next(2) == 0);
            }
        }

        // Directories change in order, but how far they got is open since the last flush.
        var durable = changes.FindLastIndex(change => change is DirectoryFlushed) + 1;
        var names = new Dictionary<string, int>();
        foreach (var change in changes.Take(random.Next(durable, changes.Count + 1)))
        {
            Apply(change, names);
        }

        return new SortedDictionary<string, byte[]>(
            names.ToDictionary(name => name.Key, name => files.GetValueOrDefault(name.Value, new MemoryStream()).ToArray()),
            StringComparer.Ordinal);
    }

    private static void Apply(Written write, Dictionary<int, MemoryStream> files, Func<long, bool> reached)
    {
        if (!files.TryGetValue(write.File, out var file))
        {
            files[write.File] = file = new MemoryStream();
        }

        var position = 0;
        while (position < write.Bytes.Length)
        {
            var offset = write.Offset + position;
            var count = (int)Math.Min(SectorBytes - offset % SectorBytes, write.Bytes.Length - position);
            if (reached(offset))
            {
                file.Position = offset;
                file.Write(write.Bytes, position, count);
            }

            position += count;
        }
    }

    private static void Apply(Change change, Dictionary<string, int> names)
    {
        switch (change)
        {
            case Link link:
                names[link.Name] = link.File;
                break;
            case Renamed rename:
                names.Remove(rename.Name, out var file);
                names[rename.NewName] = file;
                break;
            case Unlinked unlink:
                names.Remove(unlink.Name);
                break;
        }
    }

    private static string Name(string path) => Path.GetFileName(path);

    private T Noted<T>(Func<(T Result, Change Change)> act)
    {
        lock (_noting)
        {
            var (result, change) = act();
            _changes.Add(change);
            return result;
        }
    }

    private abstract record Change;

    private sealed record Link(int File, string Name) : Change;

    private sealed record Renamed(string Name, string NewName) : Change;

    private sealed record Unlinked(string Name) : Change;

    private sealed record Written(int File, long Offset, byte[] Bytes) : Change;

    private sealed record Flushed(int File) : Change;

    private sealed record DirectoryFlushed : Change;

    private sealed class RecordingFile(RecordingFiles files, int number, ILogFile file) : ILogFile
    {
        public long Length => file.Length;

        public void Read(Span<byte> bytes, long offset) => file.Read(bytes, offset);

        public void Write(ReadOnlySpan<byte> bytes, long offset)
        {
            var copy = bytes.ToArray();
            files.Noted(() =>
            {
                file.Write(copy, offset);
                return (true, new Written(number, offset, copy));
            });
        }

        public void Flush() => files.Noted(() => (true, new Flushed(number)));

        public void Dispose() => file.Dispose();
    }
}
