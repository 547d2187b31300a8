using Granary.Server.Configuration;

namespace Granary.Server.Hosting;

/// <summary>Where everything of one server is on disk: the log and the store below one directory that only its owner can read.</summary>
internal sealed class DataDirectory
{
    // Stands in a directory that is being made, from before its first file until after its last.
    private const string UnfinishedMark = "unfinished";

    private DataDirectory(string path) => Path = path;

    public string Path { get; }

    public string Log => System.IO.Path.Combine(Path, "log");

    public string Store => System.IO.Path.Combine(Path, "store");

    /// <exception cref="SettingsException">It cannot be made or written to, or is what an interrupted restore left.</exception>
    public static DataDirectory Open(string path)
    {
        var directory = Create(path);
        return File.Exists(System.IO.Path.Combine(directory.Path, UnfinishedMark))
            ? throw new SettingsException($"{directory.Path} is what an interrupted restore or import left, or still makes: remove it, or run that again")
            : directory;
    }

    /// <summary>Begins a directory that nobody opens before it is marked as finished.</summary>
    /// <exception cref="SettingsException">It cannot be made or written to.</exception>
    public static DataDirectory BeginUnfinished(string path)
    {
        var directory = Create(path);
        File.WriteAllBytes(System.IO.Path.Combine(directory.Path, UnfinishedMark), []);
        return directory;
    }

    public void MarkFinished() => File.Delete(System.IO.Path.Combine(Path, UnfinishedMark));

    private static DataDirectory Create(string path)
    {
        path = System.IO.Path.GetFullPath(path);
        try
        {
            if (File.Exists(path))
            {
                throw new SettingsException($"the data directory {path} cannot be used: it is a file");
            }

            if (!Directory.Exists(path))
            {
                if (OperatingSystem.IsWindows())
                {
                    Directory.CreateDirectory(path);
                }
                else
                {
                    Directory.CreateDirectory(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
                }
            }

            var probe = System.IO.Path.Combine(path, ".writable");
            File.WriteAllBytes(probe, []);
            File.Delete(probe);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new SettingsException($"the data directory {path} cannot be used: {exception.Message}");
        }

        return new DataDirectory(path);
    }
}
