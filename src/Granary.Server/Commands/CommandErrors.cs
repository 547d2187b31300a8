using Granary.Log.Engines.Embedded;
using Granary.Server.Configuration;
using Granary.Server.Import;
using Granary.Storage.Bolt;
using Granary.Storage.Snapshots;
using Granary.Storage.Stores.Rocks;
using Grpc.Core;

namespace Granary.Server.Commands;

/// <summary>Turns what can go wrong in a command that works on files into one line and an exit code.</summary>
internal static class CommandErrors
{
    private const int Failed = 1;
    private const int Interrupted = 130;

    public static async Task<int> Run(Func<Task<int>> command)
    {
        try
        {
            return await command();
        }
        catch (OperationCanceledException)
        {
            await Console.Error.WriteLineAsync("granary: interrupted; nothing unfinished was left in place");
            return Interrupted;
        }
        catch (BoltDamagedException exception)
        {
            await Console.Error.WriteLineAsync($"granary: the snapshot is damaged: {exception.Message}; nothing was changed, take another copy of it");
            return Failed;
        }
        catch (RpcException exception)
        {
            await Console.Error.WriteLineAsync($"granary: {ConnectionFailure.Of(exception)}");
            return Failed;
        }
        catch (Exception exception) when (exception is SettingsException or SnapshotRefusedException or IOException or UnauthorizedAccessException
            or StoreDamagedException or LogDamagedException or LogInUseException or InvalidDataException)
        {
            await Console.Error.WriteLineAsync($"granary: {exception.Message}");
            return Failed;
        }
    }
}
