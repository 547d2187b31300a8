using Granary.Protos;
using Granary.Server.Commands;
using Granary.Server.Hosting;
using Granary.Storage.Snapshots;
using Granary.Storage.Stores.Rocks;
using Grpc.Core;

namespace Granary.Server.Import;

/// <summary>
/// Makes a data directory of a running server. Keys and changes are copied by calls that go on where a connection broke, but an etcd that has
/// to tell a long history that way holds up its writers: so then a snapshot is tried first. Where there are users it has to be a snapshot,
/// since nothing else tells their passwords.
/// </summary>
internal sealed class DirectoryImport(EtcdEndpoint from, NewDataDirectory made, bool asSnapshot, bool authDisabled, TimeProvider time)
{
    private const int Attempts = 5;

    // Revisions that an etcd tells in a few seconds.
    private const long LongHistory = 50_000;

    /// <exception cref="RpcException">The server refuses, or cannot be reached.</exception>
    /// <exception cref="SnapshotRefusedException">What it holds may not be restored as it is.</exception>
    public async Task<RestoredCounts> Run(IWorkProgress progress, CancellationToken cancellationToken)
    {
        var snapshot = new SnapshotDownload(from, made.Download, time);
        if (asSnapshot || await HasUsersOrRoles(cancellationToken))
        {
            await snapshot.Run(progress, cancellationToken);
            return LoadSnapshot();
        }

        if (await HasLongHistory(cancellationToken) && await snapshot.TryOnce(progress, cancellationToken))
        {
            return LoadSnapshot();
        }

        for (var attempt = 1; ; attempt++)
        {
            try
            {
                using var store = new RocksStore(Restore.StoreOptions(made.Unfinished));
                using var load = new CopyLoad(store, new TemporarySpace(made.Unfinished.Path));
                return await StateCopy.Run(from, load, progress, time, cancellationToken);
            }
            catch (SourceCompactedException exception) when (attempt < Attempts)
            {
                await Console.Error.WriteLineAsync($"granary: {exception.Message}; beginning anew");
                Directory.Delete(made.Unfinished.Store, recursive: true);
            }
        }

        RestoredCounts LoadSnapshot() =>
            new Restore(made.Download, SkipHashCheck: false, authDisabled).Into(made.Unfinished, progress, cancellationToken);
    }

    private async Task<bool> HasLongHistory(CancellationToken cancellationToken)
    {
        var compacted = await CompactedRevision.Find(from, cancellationToken);
        var (revision, _) = await KeyPages.Look(from, cancellationToken);
        return revision - compacted > LongHistory;
    }

    private async Task<bool> HasUsersOrRoles(CancellationToken cancellationToken) =>
        (await from.Auth.UserListAsync(new AuthUserListRequest(), cancellationToken: cancellationToken)).Users.Count > 0
        || (await from.Auth.RoleListAsync(new AuthRoleListRequest(), cancellationToken: cancellationToken)).Roles.Count > 0;
}
