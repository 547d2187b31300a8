using System.CommandLine;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;
using Granary.Benchmarks.Micro;

namespace Granary.Benchmarks;

/// <summary>The <c>micro</c> command: single steps of the server, without log and network.</summary>
internal static class MicroCommand
{
    public static Command Create()
    {
        var filter = new Option<string>("--filter") { Description = "The benchmarks whose name matches.", DefaultValueFactory = _ => "*" };
        var command = new Command("micro", "Micro benchmarks of evaluation and replica.") { filter };
        command.SetAction(parsed =>
        {
            // In this process: a build of their own would need the sources and minutes.
            var artifacts = Path.Combine(Path.GetTempPath(), "granary-micro-results");
            var config = DefaultConfig.Instance
                .AddJob(Job.ShortRun.WithToolchain(InProcessEmitToolchain.Instance))
                .WithArtifactsPath(artifacts);
            BenchmarkSwitcher.FromTypes([typeof(WriteBenchmarks), typeof(ReadBenchmarks)])
                .Run(["--filter", parsed.GetValue(filter)!], config);
        });
        return command;
    }
}
