using Granary.Server.Hosting;
using Granary.Storage.Snapshots;
using Granary.Storage.Stores.Rocks;

namespace Granary.Server.Commands;

/// <summary>Loads a snapshot file into a data directory that is being made.</summary>
/// <param name="File">The snapshot.</param>
/// <param name="SkipHashCheck">Whether it need not have a hash.</param>
/// <param name="AuthDisabled">Whether authentication is off in what is restored, though it is on in the snapshot.</param>
/// <param name="BumpRevision">How much greater than the snapshot's the revision is to be; then what is before it is compacted.</param>
internal sealed record Restore(string File, bool SkipHashCheck, bool AuthDisabled, ulong BumpRevision = 0)
{
    // Much is written at once, and nobody reads meanwhile.
    private const long MemtableBytes = 128 << 20;

    /// <exception cref="SnapshotRefusedException">The file may not be restored as it is.</exception>
    public RestoredCounts Into(DataDirectory directory, IWorkProgress progress, CancellationToken cancellationToken)
    {
        if (!SkipHashCheck)
        {
            SnapshotFile.VerifyHash(File, progress.Begin("verifying", new FileInfo(File).Length), cancellationToken);
        }

        using var snapshot = SnapshotFile.Open(File);
        using var store = new RocksStore(StoreOptions(directory));
        return SnapshotLoad.Run(snapshot, store, BumpRevision, AuthDisabled, progress.Begin("loading", snapshot.SizeBytes), cancellationToken);
    }

    /// <summary>How a store is opened that is being filled.</summary>
    public static RocksStoreOptions StoreOptions(DataDirectory directory) => new() { Directory = directory.Store, MemtableBytes = MemtableBytes };

    /// <summary>Says on standard error what came of it.</summary>
    public static void Tell(RestoredCounts restored, string directory)
    {
        var compacted = restored.CompactedRevision < 0 ? "never compacted" : $"compacted to {restored.CompactedRevision}";
        Console.Error.WriteLine(
            $"granary: restored revision {restored.Revision} ({compacted}): {restored.Records} records, {restored.Leases} leases, " +
            $"{restored.Users} users and {restored.Roles} roles");
        if (restored.Users > 0)
        {
            Console.Error.WriteLine(restored.IsAuthEnabled
                ? "granary: authentication is on: its users log in with the passwords that they had"
                : "granary: authentication is off: everybody may do everything until `etcdctl auth enable`");
        }

        if (restored.Alarms > 0)
        {
            Console.Error.WriteLine($"granary: {restored.Alarms} alarms are up, as they were: `etcdctl alarm list` names them, `etcdctl alarm disarm` ends them");
        }

        if (restored.Gaps > 0)
        {
            Console.Error.WriteLine($"granary: before {restored.Gaps} changes the file lacks the pair that was there; as of then the key reads as absent");
        }

        Console.Error.WriteLine($"granary: serve it with: granary serve --data-dir {directory}");
    }
}
