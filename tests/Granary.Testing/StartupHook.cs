using Granary.Testing;

/// <summary>
/// Loaded into a process by DOTNET_STARTUP_HOOKS, which wants this name and no namespace: ends it by an exception that nobody catches, as soon as
/// a file is there.
/// </summary>
internal static class StartupHook
{
    public static void Initialize()
    {
        var file = Environment.GetEnvironmentVariable(Crash.FileVariable)!;
        new Thread(() =>
        {
            while (!File.Exists(file))
            {
                Thread.Sleep(10);
            }

            throw new InvalidOperationException(Crash.Message);
        }).Start();
    }
}
