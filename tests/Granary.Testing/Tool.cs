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
        End(StartEtcdctl(server, arguments), cancellationToken);

    public static Task<Tool> Etcdutl(CancellationToken cancellationToken, params string[] arguments) =>
        End(Start(EtcdBinaries.Etcdutl, arguments), cancellationToken);

    /// <summary>Starts the granary command; its streams are to be read.</summary>
    public static Process StartGranary(params string[] arguments) => StartGranary([], arguments);

    /// <inheritdoc cref="StartGranary(string[])"/>
    public static Process StartGranary((string Name, string Value)[] environment, string[] arguments) => Start(
        Environment.ProcessPath is { } host && Path.GetFileName(host) == "dotnet" ? host : "dotnet",
        [Server.GranaryAssembly(), .. arguments],
        environment);

    /// <summary>Starts etcdctl; its streams are to be read.</summary>
    public static Process StartEtcdctl(Server server, params string[] arguments) =>
        Start(EtcdBinaries.Etcdctl, [$"--endpoints={server.Endpoint}", .. arguments]);

    /// <summary>Starts any program; its streams are to be read. It knows nothing of an etcd that this process may have been told of.</summary>
    public static Process Start(string program, string[] arguments, params (string Name, string Value)[] environment)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var name in start.Environment.Keys.Where(name => name.StartsWith("ETCD", StringComparison.Ordinal)).ToList())
        {
            start.Environment.Remove(name);
        }

        foreach (var (name, value) in environment)
        {
            start.Environment[name] = value;
        }

        return Process.Start(start)!;
    }

    /// <summary>Gives a started program its input and waits until it has ended; kills it when the caller leaves.</summary>
    public static async Task<Tool> End(Process process, CancellationToken cancellationToken, string input = "")
    {
        using (process)
        {
            try
            {
                await process.StandardInput.WriteAsync(input.AsMemory(), cancellationToken);
                process.StandardInput.Close();
            }
            catch (IOException)
            {
                // It has ended without reading it.
            }

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
}
