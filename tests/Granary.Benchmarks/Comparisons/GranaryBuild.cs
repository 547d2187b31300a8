using System.Diagnostics;

namespace Granary.Benchmarks.Comparisons;

/// <summary>The Granary under test: a folder with granary.dll, and how it was built.</summary>
internal sealed record GranaryBuild(string Assembly, string Description)
{
    private static readonly TimeSpan PublishDeadline = TimeSpan.FromMinutes(10);

    /// <param name="path">A granary.dll, or the executable beside it.</param>
    public static GranaryBuild At(string path)
    {
        var assembly = Path.GetFullPath(path.EndsWith(".dll", StringComparison.Ordinal) ? path : path + ".dll");
        return File.Exists(assembly)
            ? new GranaryBuild(assembly, $"the build in {Path.GetFileName(Path.GetDirectoryName(assembly))}/")
            : throw new FileNotFoundException($"There is no Granary at {assembly}.");
    }

    /// <summary>Publishes the sources that this program was built from: ahead-of-time compiled where the compiler for it can be had.</summary>
    public static async Task<GranaryBuild> Publish(string into, CancellationToken cancellationToken)
    {
        var project = Path.Combine(SourceRoot(), "src", "Granary.Server");
        var assembly = Path.Combine(into, "granary.dll");
        string[] readyToRun = ["-r", "linux-x64", "--self-contained", "false", "-p:PublishReadyToRun=true"];
        if (await TryPublish(project, into, readyToRun, cancellationToken) is not { } refusal)
        {
            return new GranaryBuild(assembly, "Release, ReadyToRun");
        }

        await Console.Error.WriteLineAsync($"No ReadyToRun build, falling back to an ordinary one: {refusal}");
        return await TryPublish(project, into, [], cancellationToken) is { } failure
            ? throw new InvalidOperationException($"Granary cannot be published: {failure}")
            : new GranaryBuild(assembly, "Release, compiled at run time");
    }

    /// <summary>Returns why it failed, or null.</summary>
    private static async Task<string?> TryPublish(string project, string into, string[] options, CancellationToken cancellationToken)
    {
        var start = new ProcessStartInfo("dotnet", ["publish", project, "-c", "Release", "-o", into, "--nologo", "-v", "quiet", .. options])
        {
            RedirectStandardOutput = true,
        };
        using var process = Process.Start(start)!;
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(PublishDeadline);
        try
        {
            var said = await process.StandardOutput.ReadToEndAsync(deadline.Token);
            await process.WaitForExitAsync(deadline.Token);
            return process.ExitCode == 0 ? null : said.Trim();
        }
        finally
        {
            if (!process.HasExited)
            {
                process.Kill(entireProcessTree: true);
            }
        }
    }

    private static string SourceRoot()
    {
        for (var folder = AppContext.BaseDirectory; folder is not null; folder = Path.GetDirectoryName(folder))
        {
            if (File.Exists(Path.Combine(folder, "Actors.sln")))
            {
                return folder;
            }
        }

        throw new InvalidOperationException("This program does not lie in its source tree any more: say --granary PATH.");
    }
}
