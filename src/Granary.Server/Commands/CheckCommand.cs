using System.CommandLine;
using Granary.Log.Engines.Embedded;
using Granary.Server.Configuration;
using Granary.Server.Hosting;
using Granary.Storage.Replicas;
using Granary.Storage.Stores.Rocks;

namespace Granary.Server.Commands;

/// <summary><c>granary check</c>: verifies a data directory that no server uses.</summary>
internal static class CheckCommand
{
    private const int Damaged = 1;

    // A rough size of an entry, so that the bar for the store's entries has a total.
    private const int TypicalEntryBytes = 128;

    public static Command Create()
    {
        var directory = new Argument<string>("DIR") { Description = "The data directory." };
        var command = new Command(
            "check", "Verify a data directory offline: checksums of log and store, and that keys, history, events and leases agree. Changes nothing; exit code 1 on damage.")
        {
            directory,
        };
        command.SetAction((parsed, cancellationToken) => CommandErrors.Run(() => Run(parsed.GetValue(directory)!, cancellationToken)));
        return command;
    }

    private static async Task<int> Run(string path, CancellationToken cancellationToken)
    {
        if (!Directory.Exists(Path.Combine(path, "store")))
        {
            throw new SettingsException($"{path} is no data directory of Granary: it has no store");
        }

        var directory = DataDirectory.Open(path);
        using var held = DirectoryLock.Take(directory.Path);
        var (check, log) = await ConsoleProgress.Run(progress => Task.Run(() => Check(directory, progress, cancellationToken), cancellationToken));
        foreach (var finding in check.Findings)
        {
            await Console.Error.WriteLineAsync($"granary: {directory.Store}: {finding}");
        }

        if (check.Found > 0)
        {
            await Console.Error.WriteLineAsync(
                $"granary: {directory.Path} is damaged: {check.Found} contradictions. Keep a copy of it, then restore a snapshot into a new directory.");
            return Damaged;
        }

        Console.WriteLine($"{directory.Path} is consistent at revision {check.State.Revision}");
        Console.WriteLine(log is null
            ? "log: none yet"
            : $"log: records {log.FirstIndex} to {log.LastIndex}, {log.Replayed} of them behind the store");
        Console.WriteLine(
            $"store: record {check.State.AppliedIndex}, {check.Keys} keys, {check.Superseded} superseded pairs, {check.Events} events, {check.Leases} leases");
        return 0;
    }

    private static (ReplicaCheck Check, SegmentLogCheck? Log) Check(DataDirectory directory, IWorkProgress progress, CancellationToken cancellationToken)
    {
        using var store = new RocksStore(new RocksStoreOptions { Directory = directory.Store, ReadOnly = true });
        var size = store.SizeBytes;
        var verified = progress.Begin("checksums of the store", size);
        store.Verify();
        verified(size);
        cancellationToken.ThrowIfCancellationRequested();

        var entries = progress.Begin("contents of the store", size);
        var check = ReplicaCheck.Run(store, count => entries(count * TypicalEntryBytes), cancellationToken);
        entries(size);

        var logged = progress.Begin("log", 1);
        var log = SegmentLogCheck.Run(directory.Log, check.State.AppliedIndex);
        logged(1);
        return (check, log);
    }
}
