using System.CommandLine;
using Granary.Benchmarks;

var root = new RootCommand("Measures Granary, side by side with etcd where that is what counts.");

var endpoint = new Option<string>("--endpoint") { Description = "URL of the server.", DefaultValueFactory = _ => "http://127.0.0.1:2379" };
var workload = new Option<Workload>("--workload") { Description = "What the callers do.", DefaultValueFactory = _ => Workload.Put };
var clients = new Option<int>("--clients") { Description = "Callers, each with one call in flight.", DefaultValueFactory = _ => 100 };
var connections = new Option<int>("--connections") { Description = "Connections that they share.", DefaultValueFactory = _ => 10 };
var keys = new Option<int>("--keys") { Description = "Keys that they use.", DefaultValueFactory = _ => 10_000 };
var valueSize = new Option<int>("--value-size") { Description = "Bytes of a value.", DefaultValueFactory = _ => 256 };
var warmUp = new Option<int>("--warm-up") { Description = "Seconds before measuring.", DefaultValueFactory = _ => 4 };
var duration = new Option<int>("--duration") { Description = "Seconds of measuring.", DefaultValueFactory = _ => 8 };
var rounds = new Option<int>("--rounds") { Description = "Times that each server is measured.", DefaultValueFactory = _ => 3 };
var only = new Option<string?>("--only") { Description = "Only loads with this in their name." };

var load = new Command("load", "Send one load to a running server.") { endpoint, workload, clients, connections, keys, valueSize, warmUp, duration };
load.SetAction(async parsed =>
{
    var result = await Load.Run(parsed.GetValue(endpoint)!, new LoadOptions
    {
        Workload = parsed.GetValue(workload),
        Clients = parsed.GetValue(clients),
        Connections = parsed.GetValue(connections),
        Keys = parsed.GetValue(keys),
        ValueBytes = parsed.GetValue(valueSize),
        WarmUp = TimeSpan.FromSeconds(parsed.GetValue(warmUp)),
        Duration = TimeSpan.FromSeconds(parsed.GetValue(duration)),
    });
    Console.WriteLine(
        $"{result.CallsPerSecond:0} req/s, p50 {result.Milliseconds(50):0.00} ms, p99 {result.Milliseconds(99):0.00} ms, max {result.Milliseconds(100):0.0} ms, {result.Errors} errors");
});

var compare = new Command("compare", "Start etcd and Granary in turn and compare their throughput.") { rounds, warmUp, duration, only };
compare.SetAction((parsed, cancellationToken) => Comparison.Throughput(
    parsed.GetValue(rounds),
    TimeSpan.FromSeconds(parsed.GetValue(warmUp)),
    TimeSpan.FromSeconds(parsed.GetValue(duration)),
    parsed.GetValue(only),
    cancellationToken));

var restartKeys = new Option<int>("--keys") { Description = "Keys to load.", DefaultValueFactory = _ => 1_000_000 };
var restart = new Command("restart", "Load keys, restart, and time the first answered read.") { restartKeys, rounds };
restart.SetAction((parsed, cancellationToken) => Comparison.Restart(parsed.GetValue(restartKeys), parsed.GetValue(rounds), cancellationToken));

var micro = new Command("micro", "Evaluation and storage alone, by BenchmarkDotNet.");
micro.SetAction(_ => BenchmarkDotNet.Running.BenchmarkRunner.Run([typeof(EvaluationBenchmarks), typeof(ReplicaBenchmarks)]));

root.Subcommands.Add(load);
root.Subcommands.Add(compare);
root.Subcommands.Add(restart);
root.Subcommands.Add(micro);
return await root.Parse(args).InvokeAsync();
