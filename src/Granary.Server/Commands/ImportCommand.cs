using System.CommandLine;
using Granary.Server.Hosting;
using Granary.Server.Import;

namespace Granary.Server.Commands;

/// <summary><c>granary import</c>: moves in from a running etcd.</summary>
internal static class ImportCommand
{
    public static Command Create()
    {
        var from = new Option<string>("--from") { Description = "The etcd to copy: HOST:PORT or a URL.", HelpName = "ENDPOINT", Required = true };
        var directory = new Option<string>("--data-dir")
        {
            Description = "Make this data directory of it, exactly: revisions, history, leases, users and roles. It must not exist, or be empty. Where the source asks for a user, it must be root.",
            HelpName = "DIR",
        };
        var to = new Option<string>("--to")
        {
            Description = "Copy keys, values and leases into this running server, then follow until interrupted. Revisions and history are the target's own.",
            HelpName = "ENDPOINT",
        };
        var once = new Option<bool>("--once") { Description = "With --to: copy, and do not follow." };
        var delete = new Option<bool>("--delete") { Description = "With --to: also delete what only the target has." };
        var credentials = new CredentialArguments("the source");
        var asSnapshot = new Option<bool>("--as-snapshot")
        {
            Description = "With --data-dir: fetch a snapshot and nothing else, as is done anyway when there are users. It is never continued: when the connection "
                + "breaks, all begins anew.",
        };
        var authDisabled = new Option<bool>("--auth-disabled")
        {
            Description = "With --data-dir: turn authentication off in what is copied: users and roles stay, and everybody may do everything until it is turned on again.",
        };
        var command = new Command(
            "import", "Copy a running etcd, into a new data directory or into a running server. Interrupted, run it again: what is there already is not sent twice.")
        {
            from, directory, to, once, delete, asSnapshot, authDisabled,
        };
        credentials.AddTo(command);
        command.Validators.Add(result =>
        {
            if ((result.GetValue(directory) is null) == (result.GetValue(to) is null))
            {
                result.AddError("import needs one of --data-dir and --to");
            }
        });
        command.SetAction((parsed, cancellationToken) => CommandErrors.Run(async () =>
        {
            using var etcd = await EtcdEndpoint.Connect(credentials.Read(parsed, parsed.GetValue(from)!), cancellationToken);
            if (parsed.GetValue(directory) is { } target)
            {
                return await IntoDirectory(etcd, target, parsed.GetValue(asSnapshot), parsed.GetValue(authDisabled), cancellationToken);
            }

            using var running = await EtcdEndpoint.Connect(new EndpointOptions(parsed.GetValue(to)!), cancellationToken);
            var import = new LiveImport(etcd, running, parsed.GetValue(delete), TimeProvider.System);
            return await import.Run(follow: !parsed.GetValue(once), cancellationToken);
        }));
        return command;
    }

    private static async Task<int> IntoDirectory(
        EtcdEndpoint from, string directory, bool asSnapshot, bool authDisabled, CancellationToken cancellationToken)
    {
        using var made = NewDataDirectory.Begin(directory);
        made.TellOfRemains();
        var import = new DirectoryImport(from, made, asSnapshot, authDisabled, TimeProvider.System);
        var restored = await ConsoleProgress.Run(progress => Task.Run(() => import.Run(progress, cancellationToken), cancellationToken));
        cancellationToken.ThrowIfCancellationRequested();
        made.Complete();
        Restore.Tell(restored, directory);
        return 0;
    }
}
