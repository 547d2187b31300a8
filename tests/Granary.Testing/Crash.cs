namespace Granary.Testing;

/// <summary>An exception that nobody catches, in a program that is under test.</summary>
public static class Crash
{
    /// <summary>What it says: more than one line.</summary>
    public const string Message = "a crash\nthat a test has asked for";

    internal const string FileVariable = "GRANARY_TEST_CRASH_FILE";

    /// <summary>The environment of a process that crashes as soon as a file is there.</summary>
    public static (string Name, string Value)[] At(string file) => [("DOTNET_STARTUP_HOOKS", typeof(Crash).Assembly.Location), (FileVariable, file)];
}
