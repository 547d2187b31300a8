using System.CommandLine;

namespace Granary.Server.Commands;

/// <summary><c>granary snapshot</c>: what can be done with a snapshot file. etcdctl saves one, from Granary as from etcd.</summary>
internal static class SnapshotCommand
{
    public static Command Create() => new(
        "snapshot", "Restore or look at a snapshot, of etcd or of Granary. `etcdctl snapshot save FILE` takes one from a running server.")
    {
        SnapshotRestoreCommand.Create(),
        SnapshotStatusCommand.Create(),
    };
}
