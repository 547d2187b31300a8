using Granary.Log.Engines.Embedded;
using Granary.Server.Configuration;

namespace Granary.Server.Hosting;

/// <summary>
/// A data directory that is being made beside the place it will have, and gets there in one step when it is whole: whatever happens before
/// leaves nothing that a server takes for data.
/// </summary>
internal sealed class NewDataDirectory : IDisposable
{
    private const string UnfinishedSuffix = ".unfinished";

    private readonly string _target;
    private readonly DirectoryLock _lock;
    private bool _lockHeld = true;
    private bool _completed;

    private NewDataDirectory(string target, DataDirectory unfinished, DirectoryLock held)
    {
        _target = target;
        Unfinished = unfinished;
        _lock = held;
    }

    /// <summary>Where it is made. What an earlier attempt left there is gone.</summary>
    public DataDirectory Unfinished { get; }

    /// <summary>Whether an earlier attempt was interrupted too hard to clean up.</summary>
    public bool HadRemains { get; private init; }

    /// <summary>A file for what is fetched before it is loaded; gone when the directory is complete.</summary>
    public string Download => Unfinished.Download;

    /// <exception cref="SettingsException">The place is taken, or cannot be used.</exception>
    public static NewDataDirectory Begin(string path)
    {
        var target = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
        if (File.Exists(target) || (Directory.Exists(target) && Directory.EnumerateFileSystemEntries(target).Any()))
        {
            throw new SettingsException($"{target} exists already and is not empty: name a new directory, nothing is ever restored over data");
        }

        var unfinished = DataDirectory.BeginUnfinished(target + UnfinishedSuffix);
        DirectoryLock held;
        try
        {
            held = DirectoryLock.Take(unfinished.Path);
        }
        catch (LogInUseException)
        {
            throw new SettingsException($"another restore or import into {target} is running");
        }

        var hadRemains = Directory.Exists(unfinished.Store) || File.Exists(unfinished.Download);
        if (Directory.Exists(unfinished.Store))
        {
            Directory.Delete(unfinished.Store, recursive: true);
        }

        File.Delete(unfinished.Download);
        return new NewDataDirectory(target, unfinished, held) { HadRemains = hadRemains };
    }

    /// <summary>Says on standard error that an earlier attempt left something, if one did.</summary>
    public void TellOfRemains()
    {
        if (HadRemains)
        {
            Console.Error.WriteLine($"granary: an earlier attempt left {Unfinished.Path} unfinished: it was removed, and all begins anew");
        }
    }

    /// <summary>Puts it in its place. All files in it must be on stable storage.</summary>
    /// <exception cref="IOException">Its place was taken meanwhile, or the file system refuses.</exception>
    public void Complete()
    {
        Release();
        File.Delete(Download);
        File.Delete(Path.Combine(Unfinished.Path, DirectoryLock.FileName));
        Unfinished.MarkFinished();
        DiskLogFiles.Instance.SyncDirectory(Unfinished.Path);
        if (Directory.Exists(_target))
        {
            // Refuses if something came into it meanwhile.
            Directory.Delete(_target);
        }

        Directory.Move(Unfinished.Path, _target);
        DiskLogFiles.Instance.SyncDirectory(Path.GetDirectoryName(_target)!);
        _completed = true;
    }

    /// <summary>Removes what is unfinished.</summary>
    public void Dispose()
    {
        if (!_completed)
        {
            Directory.Delete(Unfinished.Path, recursive: true);
        }

        Release();
    }

    private void Release()
    {
        if (_lockHeld)
        {
            _lockHeld = false;
            _lock.Dispose();
        }
    }
}
