using System.CommandLine;
using System.Text.Json;
using Granary.Benchmarks.Load;

namespace Granary.Benchmarks;

/// <summary>The <c>granary-bench</c> command.</summary>
internal static class BenchCommand
{
    private const string DefaultEndpoint = "http://127.0.0.1:2379";

    public static RootCommand Create() => new("Load, comparisons and micro benchmarks of Granary.")
    {
        CreateLoad(),
        CreateFill(),
        CompareCommand.CreateCompare(),
        CompareCommand.CreateRestart(),
        CompareCommand.CreateWatch(),
        CompareCommand.CreateSnapshot(),
        CompareCommand.CreateCompaction(),
        CompareCommand.CreateLease(),
        CompareCommand.CreateDeletion(),
        CompareCommand.CreateSecurity(),
        CompareCommand.CreateFailover(),
        CompareCommand.CreateCluster(),
        CompareCommand.CreateLateness(),
        CompareCommand.CreateClient(),
        CompareCommand.CreateInCluster(),
        CompareCommand.CreateOrleans(),
        MicroCommand.Create(),
    };

    private static Command CreateLoad()
    {
        var endpoints = new Option<string[]>("--endpoint")
        {
            Description = "The client URLs of a server, or of several that share the load.",
            AllowMultipleArgumentsPerToken = true,
            DefaultValueFactory = _ => [DefaultEndpoint],
        };
        var keySpace = new KeySpaceArguments();
        var workload = new Option<Workload>("--workload") { Description = "What every client does.", DefaultValueFactory = _ => Workload.Put };
        var clients = new Option<int>("--clients") { Description = "Requests in flight.", DefaultValueFactory = _ => 100 };
        var connections = new Option<int?>("--connections") { Description = "HTTP/2 connections. [default: one per 10 clients]" };
        var warmup = Duration("--warmup", "Time before the measured window.", 3);
        var duration = Duration("--duration", "The measured window.", 10);
        var serverPid = new Option<int?>("--server-pid") { Description = "Also count the CPU time of this process." };
        var json = new Option<bool>("--json") { Description = "Print the result as JSON." };
        var command = new Command("load", "Load a server and print rate and latencies.")
        {
            endpoints, workload, clients, connections, warmup, duration, serverPid, json,
        };
        keySpace.AddTo(command);
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var clientCount = parsed.GetValue(clients);
            var result = await LoadRun.Run(
                new LoadOptions
                {
                    Endpoints = [.. parsed.GetValue(endpoints)!.Select(static endpoint => new Uri(endpoint))],
                    Workload = parsed.GetValue(workload),
                    Clients = clientCount,
                    Connections = parsed.GetValue(connections) ?? Math.Max(1, clientCount / 10),
                    Keys = keySpace.Read(parsed),
                    Warmup = parsed.GetValue(warmup),
                    Duration = parsed.GetValue(duration),
                    ServerProcessId = parsed.GetValue(serverPid),
                },
                cancellationToken);
            Console.WriteLine(parsed.GetValue(json) ? JsonSerializer.Serialize(result) : result.ToString());
            return result.Errors == 0 ? 0 : 1;
        });
        return command;
    }

    private static Command CreateFill()
    {
        var endpoint = Endpoint();
        var keySpace = new KeySpaceArguments();
        var command = new Command("fill", "Put every key of the key space once, in txns of 100.") { endpoint };
        keySpace.AddTo(command);
        command.SetAction((parsed, cancellationToken) =>
            Fill.Run(new Uri(parsed.GetValue(endpoint)!), keySpace.Read(parsed), cancellationToken));
        return command;
    }

    private static Option<string> Endpoint() =>
        new("--endpoint") { Description = "The server's client URL.", DefaultValueFactory = _ => DefaultEndpoint };

    private static Option<TimeSpan> Duration(string name, string description, int defaultSeconds) => new(name)
    {
        Description = description,
        CustomParser = Durations.Parse,
        DefaultValueFactory = _ => TimeSpan.FromSeconds(defaultSeconds),
    };
}
