using System.Diagnostics;

namespace Granary.Client.Tests;

/// <summary>The package, in the hands of a new user: the first example of its README is a program that uses it.</summary>
public sealed class PackageTests : IDisposable
{
    private const string Version = "0.0.0-test";

    private readonly string _directory = Directory.CreateTempSubdirectory("granary-package-").FullName;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public async Task The_example_of_the_package_runs_and_says_what_it_is_to_say()
    {
        await Dotnet("pack", Path.Combine(Repository.Root, "protos"), "-c", "Release", "--no-build", "-o", "feed", $"-p:Version={Version}");
        await Dotnet("pack", Path.Combine(Repository.Root, "src", "Granary.Client"), "-c", "Release", "--no-build", "-o", "feed", $"-p:Version={Version}");

        // The package goes to a folder of its own: in the common one another version of it would be kept.
        await Write("nuget.config", $"""
            <configuration>
              <config><add key="globalPackagesFolder" value="packages" /></config>
              <packageSources><add key="here" value="feed" /></packageSources>
              <fallbackPackageFolders><add key="others" value="{Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget", "packages")}" /></fallbackPackageFolders>
            </configuration>
            """);
        await Write("example.csproj", $"""
            <Project Sdk="Microsoft.NET.Sdk">
              <PropertyGroup>
                <OutputType>Exe</OutputType>
                <TargetFramework>net10.0</TargetFramework>
                <Nullable>enable</Nullable>
                <ImplicitUsings>enable</ImplicitUsings>
                <TreatWarningsAsErrors>true</TreatWarningsAsErrors>
                <NuGetAudit>false</NuGetAudit>
              </PropertyGroup>
              <ItemGroup><PackageReference Include="Granary.Client" Version="{Version}" /></ItemGroup>
            </Project>
            """);
        var readme = await File.ReadAllTextAsync(Path.Combine(Repository.Root, "src", "Granary.Client", "README.md"), Stop);
        await Write("example.cs", readme.Split("```csharp")[1].Split("```")[0].Replace("\"http://localhost:2379\"", "args[0]", StringComparison.Ordinal));
        await Dotnet("build", "-o", "built");
        foreach (var product in Enum.GetValues<Product>())
        {
            await using var server = await Server.Start(product, Stop);
            var said = (await Dotnet(Path.Combine("built", "example.dll"), server.Address)).Split('\n');
            Assert.Equal(["blue since revision 2", "True", "config/color = green", "config/color = blue", "config/color = green"], said[..5]);
            Assert.StartsWith("deploying, fenced by ", said[5], StringComparison.Ordinal);
            Assert.Equal("worker 1", said[6]);
        }
    }

    private Task Write(string file, string text) => File.WriteAllTextAsync(Path.Combine(_directory, file), text, Stop);

    private async Task<string> Dotnet(params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet", arguments)
        {
            WorkingDirectory = _directory,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using var process = Process.Start(start)!;
        var run = await Tool.End(process, Stop);
        Assert.True(run.ExitCode == 0, $"{string.Join(' ', arguments)}: {run.All}");
        return run.Output.ReplaceLineEndings("\n");
    }
}
