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
    public async Task The_example_of_the_client_runs_and_says_what_it_is_to_say()
    {
        await Pack("protos");
        await Pack("src/Granary.Client");
        await Build("src/Granary.Client", "Granary.Client");
        foreach (var product in Enum.GetValues<Product>())
        {
            await using var server = await Server.Start(product, Stop);
            var said = (await Dotnet(Path.Combine("built", "example.dll"), server.Address)).Split('\n');
            Assert.Equal(["blue since revision 2", "True", "config/color = green", "config/color = blue", "config/color = green"], said[..5]);
            Assert.StartsWith("deploying, fenced by ", said[5], StringComparison.Ordinal);
            Assert.Equal("worker 1", said[6]);
        }
    }

    [Fact]
    public async Task The_example_of_the_server_is_one_with_a_grain_of_its_own()
    {
        foreach (var project in (string[])["protos", "src/Granary.Client", "src/Granary.Orleans", "src/Granary.Mvcc", "src/Granary.Storage", "src/Granary.Log", "src/Granary.Streams",
            "grains/Granary.Grains.Abstractions", "grains/Granary.Grains", "src/Granary.Server"])
        {
            await Pack(project);
        }

        await Build("src/Granary.Server", "Granary.Server", "Granary.Orleans");
        var address = $"http://127.0.0.1:{LoopbackPorts.Take()}";
        using var example = Tool.Start(
            "dotnet",
            [Path.Combine(_directory, "built", "example.dll"), $"--data-dir={_directory}/data", $"--listen-client-urls={address}", $"--advertise-client-urls={address}"]);
        try
        {
            await using var client = new GranaryClient(address);
            await client.PutAsync("names/ann", "", cancellationToken: Stop);
            await Eventually.Holds(
                "she is greeted",
                async () => (await client.GetAsync("greetings/ann", Stop))?.Value.ToString() == "Hello ann!",
                TimeSpan.FromSeconds(60),
                Stop);
            Signals.Send(example, Signals.Terminate);
            await example.WaitForExitAsync(Stop);
            Assert.Equal(0, example.ExitCode);
        }
        finally
        {
            if (!example.HasExited)
            {
                example.Kill();
            }
        }
    }

    // Of the server the library, not the tool.
    private Task<string> Pack(string project) => Dotnet(
        "pack", Path.Combine(Repository.Root, project), "-c", "Release", "--no-build", "-o", "feed", "-p:MinVerSkip=true", $"-p:Version={Version}", "-p:PackAsTool=false");

    /// <summary>Makes a program of the first example in a package's README.</summary>
    private async Task Build(string project, params string[] packages)
    {
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
              <ItemGroup>{string.Concat(packages.Select(static package => $"""<PackageReference Include="{package}" Version="{Version}" />"""))}</ItemGroup>
            </Project>
            """);
        var readme = await File.ReadAllTextAsync(Path.Combine(Repository.Root, project, "README.md"), Stop);
        await Write("example.cs", readme.Split("```csharp")[1].Split("```")[0].Replace("\"http://localhost:2379\"", "args[0]", StringComparison.Ordinal));
        await Dotnet("build", "-o", "built");
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
