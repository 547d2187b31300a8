using System.IO.Enumeration;
using Granary.Log.Engines.Embedded;
using Granary.Server.Configuration;
using Granary.Storage.Snapshots;

namespace Granary.Server.Hosting;

/// <summary>Where everything of one server is on disk: the log and the store below one directory that only its owner can read.</summary>
internal sealed class DataDirectory
{
    // Stands in a directory that is being made, from before its first file until after its last.
    private const string UnfinishedMark = "unfinished";

    private const string LogName = "log";
    private const string StoreName = "store";
    private const string CertificatesName = "certificates";
    private const string DownloadName = "snapshot.db";
    private const string ProbeName = ".writable";

    // What may be there at any time: the rest is somebody else's. Those of the last line are a disk's, a file server's, and a crash's of a process that
    // works in here.
    private static readonly string[] OwnPatterns =
    [
        LogName, StoreName, CertificatesName, DirectoryLock.FileName, UnfinishedMark, ProbeName, SnapshotExport.TemporaryFiles,
        "lost+found", ".nfs*", "core", "core.*",
    ];

    private DataDirectory(string path) => Path = path;

    public string Path { get; }

    public string Log => System.IO.Path.Combine(Path, LogName);

    public string Store => System.IO.Path.Combine(Path, StoreName);

    /// <summary>Whether there is a log of the embedded engine.</summary>
    public bool HasLog => Directory.Exists(Log);

    /// <summary>Where the certificates are that the server makes itself.</summary>
    public static string CertificatesIn(string path) => System.IO.Path.Combine(System.IO.Path.GetFullPath(path), CertificatesName);

    /// <summary>Where the certificate is that the server makes itself for the other members.</summary>
    public static string PeerCertificatesIn(string path) => System.IO.Path.Combine(CertificatesIn(path), "peer");

    /// <summary>A file for what is fetched before it is loaded, in a directory that is being made.</summary>
    public string Download => System.IO.Path.Combine(Path, DownloadName);

    /// <exception cref="SettingsException">
    /// It cannot be made or written to, holds what is not Granary's, or is what an interrupted restore left. Nothing in it was touched then.
    /// </exception>
    public static DataDirectory Open(string path)
    {
        path = System.IO.Path.GetFullPath(path);
        return File.Exists(System.IO.Path.Combine(path, UnfinishedMark))
            ? throw new SettingsException($"{path} is what an interrupted restore or import left, or still makes: remove it, or run that again")
            : Create(path, OwnPatterns);
    }

    /// <summary>Begins a directory that nobody opens before it is marked as finished.</summary>
    /// <exception cref="SettingsException">It cannot be made or written to, or holds what is not Granary's.</exception>
    public static DataDirectory BeginUnfinished(string path)
    {
        var directory = Create(System.IO.Path.GetFullPath(path), [.. OwnPatterns, DownloadName]);
        File.WriteAllBytes(System.IO.Path.Combine(directory.Path, UnfinishedMark), []);
        return directory;
    }

    public void MarkFinished() => File.Delete(System.IO.Path.Combine(Path, UnfinishedMark));

    private static DataDirectory Create(string path, string[] ownPatterns)
    {
        PrivateFiles.Begin();
        try
        {
            if (File.Exists(path))
            {
                throw new SettingsException($"the data directory {path} cannot be used: it is a file");
            }

            if (Directory.Exists(path))
            {
                RefuseStrangers(path, ownPatterns);
            }
            else if (OperatingSystem.IsWindows())
            {
                Directory.CreateDirectory(path);
            }
            else
            {
                Directory.CreateDirectory(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            }

            var probe = System.IO.Path.Combine(path, ProbeName);
            File.WriteAllBytes(probe, []);
            File.Delete(probe);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new SettingsException($"the data directory {path} cannot be used: {exception.Message}");
        }

        return new DataDirectory(path);
    }

    /// <summary>Beside another's data a server would begin empty, and look as if all were lost.</summary>
    private static void RefuseStrangers(string path, string[] ownPatterns)
    {
        var database = System.IO.Path.Combine(path, "member", "snap", "db");
        if (File.Exists(database))
        {
            throw new SettingsException(
                $"{path} holds the data of an etcd, beside which Granary would begin empty. Move in first, into a new directory: " +
                $"`granary snapshot restore {database} --skip-hash-check --data-dir NEW` when that etcd has stopped, " +
                "or `granary import --from HOST:PORT --data-dir NEW` while it runs; then `granary serve --data-dir NEW`");
        }

        var strangers = Directory.EnumerateFileSystemEntries(path)
            .Select(static entry => System.IO.Path.GetFileName(entry))
            .Where(name => !ownPatterns.Any(pattern => FileSystemName.MatchesSimpleExpression(pattern, name, ignoreCase: false)))
            .Order(StringComparer.Ordinal)
            .ToList();
        if (strangers.Count > 0)
        {
            var others = strangers.Count == 1 ? "is" : $"and {strangers.Count - 1} more are";
            throw new SettingsException(
                $"the data directory {path} is not Granary's alone: {strangers[0]} in it {others} of something else. Name another directory, or move that away");
        }
    }
}
