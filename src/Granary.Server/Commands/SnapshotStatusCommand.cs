using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Granary.Storage.Snapshots;
using Spectre.Console;

namespace Granary.Server.Commands;

/// <summary><c>granary snapshot status</c>: the figures of etcdutl's command of that name.</summary>
internal static class SnapshotStatusCommand
{
    public static Command Create()
    {
        var file = new Argument<string>("FILE") { Description = "The snapshot." };
        var json = new Option<bool>("--json") { Description = "Print JSON, with etcdutl's names." };
        var command = new Command("status", "Check a snapshot and print its hash, revision, number of keys, size and storage version.") { file, json };
        command.SetAction((parsed, cancellationToken) => CommandErrors.Run(async () =>
        {
            var path = Path.GetFullPath(parsed.GetValue(file)!);
            var status = await ConsoleProgress.Run(progress => Task.Run(() => Read(path, progress, cancellationToken), cancellationToken));
            if (parsed.GetValue(json))
            {
                Console.WriteLine(JsonSerializer.Serialize(new
                {
                    hash = status.Hash,
                    revision = status.Revision,
                    totalKey = status.TotalKeys,
                    totalSize = status.TotalSizeBytes,
                    version = status.StorageVersion,
                }));
            }
            else
            {
                AnsiConsole.Write(new Table().Border(TableBorder.Square).AddColumns("HASH", "REVISION", "TOTAL KEYS", "TOTAL SIZE", "STORAGE VERSION").AddRow(
                    status.Hash.ToString("x", CultureInfo.InvariantCulture),
                    status.Revision.ToString(CultureInfo.InvariantCulture),
                    status.TotalKeys.ToString(CultureInfo.InvariantCulture),
                    ByteSize.Text(status.TotalSizeBytes),
                    status.StorageVersion));
            }

            return 0;
        }));
        return command;
    }

    private static SnapshotStatus Read(string path, IWorkProgress progress, CancellationToken cancellationToken)
    {
        using var snapshot = SnapshotFile.Open(path);
        if (snapshot.HasHash)
        {
            SnapshotFile.VerifyHash(path, progress.Begin("verifying", new FileInfo(path).Length), cancellationToken);
        }

        return SnapshotStatus.Read(snapshot, progress.Begin("reading", snapshot.SizeBytes), cancellationToken);
    }
}
