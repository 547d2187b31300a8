using System.CommandLine;
using Granary.Benchmarks.Comparisons;
using Granary.Benchmarks.Reports;

namespace Granary.Benchmarks;

/// <summary>What all commands that measure have in common: the Granary under test, and the report.</summary>
internal static class MeasuringCommand
{
    /// <param name="name">Of the command.</param>
    /// <param name="description">For its help.</param>
    /// <param name="more">Options of its own.</param>
    /// <param name="run">Measures, shorter if it is told to be quick.</param>
    public static Command Create(string name, string description, Option[] more, Func<ParseResult, bool, Report, CancellationToken, Task> run)
    {
        var granary = new Option<string?>("--granary")
        {
            Description = "The granary.dll, or the executable beside it. [default: publishes src/Granary.Server]",
        };
        var quick = new Option<bool>("--quick") { Description = "Shorter, fewer keys, one round: a first impression." };
        var json = FileOption("--json", "Write all figures into this file too.");
        var chart = FileOption("--svg", "Draw the principal figures into this file.");
        var command = new Command(name, description) { granary, quick, json, chart };
        foreach (var option in more)
        {
            command.Options.Add(option);
        }

        command.SetAction(async (parsed, cancellationToken) =>
        {
            var published = Directory.CreateTempSubdirectory("granary-bench-");
            try
            {
                var build = parsed.GetValue(granary) is { } path
                    ? GranaryBuild.At(path)
                    : await GranaryBuild.Publish(published.FullName, cancellationToken);
                Environment.SetEnvironmentVariable("GRANARY_SERVER", build.Assembly);
                Console.WriteLine($"Granary: {build.Description}. {Environment.ProcessorCount} CPUs, shared by server and load generator.");
                var conditions = await Conditions.Now(build.Description, cancellationToken);
                var report = new Report(conditions, Console.Out, parsed.GetValue(json), parsed.GetValue(chart));
                report.Save();
                await run(parsed, parsed.GetValue(quick), report, cancellationToken);
            }
            finally
            {
                published.Delete(recursive: true);
            }
        });
        return command;
    }

    private static Option<FileInfo?> FileOption(string name, string description)
    {
        var option = new Option<FileInfo?>(name) { Description = description, HelpName = "FILE" };

        // Nobody is to learn after an hour of measuring that it cannot be written.
        option.Validators.Add(static result =>
        {
            var path = result.Tokens[0].Value;
            try
            {
                new FileInfo(path).Open(FileMode.OpenOrCreate, FileAccess.Write).Dispose();
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or ArgumentException)
            {
                result.AddError($"{result.Option.Name} cannot be written: {exception.Message}");
            }
        });
        return option;
    }
}
