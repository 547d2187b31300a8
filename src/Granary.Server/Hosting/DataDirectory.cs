using Granary.Server.Configuration;

namespace Granary.Server.Hosting;

/// <summary>Where everything of one server is on disk: the log and the store below one directory that only its owner can read.</summary>
internal sealed class DataDirectory
{
    private DataDirectory(string path) => Path = path;

    public string Path { get; }

    public string Log => System.IO.Path.Combine(Path, "log");

    public string Store => System.IO.Path.Combine(Path, "store");

    /// <exception cref="SettingsException">It cannot be made or written to.</exception>
    public static DataDirectory Open(string path)
    {
        path = System.IO.Path.GetFullPath(path);
        try
        {
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
