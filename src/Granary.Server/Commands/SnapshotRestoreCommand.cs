using System.CommandLine;
using Granary.Server.Configuration;
using Granary.Server.Hosting;
using Granary.Storage.Snapshots;

namespace Granary.Server.Commands;

/// <summary><c>granary snapshot restore</c>: makes a data directory out of a snapshot.</summary>
internal static class SnapshotRestoreCommand
{
    public static Command Create()
    {
        var file = new Argument<string>("FILE") { Description = "The snapshot: of `etcdctl snapshot save`, or the file member/snap/db of an etcd that does not run." };
        var directory = new Option<string>("--data-dir") { Description = "The data directory to make; must not exist, or be empty.", HelpName = "DIR", Required = true };
        var skipHash = new Option<bool>("--skip-hash-check") { Description = "Take a file without a hash, one that was copied out of a data directory." };
        var authDisabled = new Option<bool>("--auth-disabled")
        {
            Description = "Turn authentication off in what is restored: users and roles stay, and everybody may do everything until it is turned on again.",
        };
        var bump = new Option<ulong>("--bump-revision")
        {
            Description = "How much the revision is to be greater than the snapshot's, more than was written since: clients with caches then see no revision twice. Needs --mark-compacted.",
            HelpName = "N",
        };
        var mark = new Option<bool>("--mark-compacted") { Description = "Compact to the bumped revision: watches of old revisions end, and their clients read anew." };
        var member = new RestoredMember();
        var command = new Command("restore", "Make a data directory with all that a snapshot holds: keys, history, leases, users and roles.")
        {
            file, directory, skipHash, authDisabled, bump, mark,
        };
        member.AddTo(command);
        command.SetAction((parsed, cancellationToken) => CommandErrors.Run(async () =>
        {
            var path = Path.GetFullPath(parsed.GetValue(file)!);
            var target = parsed.GetValue(directory)!;
            if (parsed.GetValue(bump) > 0 != parsed.GetValue(mark))
            {
                throw new SettingsException(
                    parsed.GetValue(mark) ? "--bump-revision is required with --mark-compacted" : "--mark-compacted is required with --bump-revision");
            }

            var serving = member.Check(parsed);
            var restore = new Restore(path, parsed.GetValue(skipHash), parsed.GetValue(authDisabled), parsed.GetValue(bump));
            using var made = NewDataDirectory.Begin(target);
            made.TellOfRemains();
            var restored = await ConsoleProgress.Run(progress => Task.Run(() => restore.Into(made.Unfinished, progress, cancellationToken), cancellationToken));
            cancellationToken.ThrowIfCancellationRequested();
            made.Complete();
            Restore.Tell(restored, target + serving);
            return 0;
        }));
        return command;
    }
}
