using System.Diagnostics;

namespace Granary.Testing;

/// <summary>One run of a command line program, to its end.</summary>
/// <param name="ExitCode">Its exit code.</param>
/// <param name="Output">What it wrote to standard output.</param>
/// <param name="Error">What it wrote to standard error.</param>
public sealed record Tool(int ExitCode, string Output, string Error)
{
    public string All => Output + Error;

    public static Task<Tool> Granary(CancellationToken cancellationToken, params string[] arguments) =>
        End(StartGranary(arguments), cancellationToken);

    public static Task<Tool> Etcdctl(Server server, CancellationToken cancellationToken, params string[] arguments) =>
        End(Start(EtcdBinaries.Etcdctl, [$"--endpoints={server.Endpoint}", .. arguments]), cancellationToken);

    public static Task<Tool> Etcdutl(CancellationToken cancellationToken, params string[] arguments) =>
        End(Start(EtcdBinaries.Etcdutl, arguments), cancellationToken);

    /// <summary>Starts the granary command; its streams are to be read.</summary>
    public static Process StartGranary(params string[] arguments) =>
        Start(Environment.ProcessPath is { } host && Path.GetFileName(host) == "dotnet" ? host : "dotnet", [Server.GranaryAssembly(), .. arguments]);

    /// <summary>Waits until a started program has ended.</summary>
    public static async Task<Tool> End(Process process, CancellationToken cancellationToken)
    {
        using (process)
        {
            var output = process.StandardOutput.ReadToEndAsync(cancellationToken);
            var error = process.StandardError.ReadToEndAsync(cancellationToken);
            try
            {
                await process.WaitForExitAsync(cancellationToken);
            }
            catch (OperationCanceledException)
            {
                process.Kill();
                throw;
            }

            return new Tool(process.ExitCode, await output, await error);
        }
    }

    private static Process Start(string program, string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var name in start.Environment.Keys.Where(name => name.StartsWith("ETCD", StringComparison.Ordinal)).ToList())
        {
            start.Environment.Remove(name);
        }

        return Process.Start(start)!;
    }
}
