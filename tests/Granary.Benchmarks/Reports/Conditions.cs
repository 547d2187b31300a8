using Granary.Testing;

namespace Granary.Benchmarks.Reports;

/// <summary>When, on what, by which command and of which builds something was measured.</summary>
/// <param name="Date">When it began, in UTC.</param>
/// <param name="Command">What this program was called with.</param>
/// <param name="Machine">On what.</param>
/// <param name="Granary">The build of Granary.</param>
/// <param name="Etcd">The version of the etcd that is at hand; null if there is none.</param>
internal sealed record Conditions(DateTime Date, string Command, Machine Machine, string Granary, string? Etcd)
{
    public static async Task<Conditions> Now(string granary, CancellationToken cancellationToken) =>
        new(DateTime.UtcNow, CommandLine(), Machine.This(), granary, await EtcdVersion(cancellationToken));

    private static string CommandLine() =>
        string.Join(' ', Environment.GetCommandLineArgs()[1..].Select(static argument => argument.Contains(' ', StringComparison.Ordinal) ? $"'{argument}'" : argument));

    private static async Task<string?> EtcdVersion(CancellationToken cancellationToken)
    {
        string etcd;
        try
        {
            etcd = EtcdBinaries.Etcd;
        }
        catch (InvalidOperationException)
        {
            // Not every command compares with one.
            return null;
        }

        var run = await Tool.End(Tool.Start(etcd, ["--version"]), cancellationToken);
        return run.Output.Split('\n')[0].Split(' ')[^1];
    }
}
