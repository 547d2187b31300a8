namespace Granary.Conformance.Tests;

/// <summary>The README's examples for curl do what they say, as they are written.</summary>
public sealed class ReadmeTests
{
    private const string Prompt = "$ ";
    private const string WrittenEndpoint = "localhost:2379";

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Every_curl_command_prints_what_the_readme_shows()
    {
        await Repository.Tool("get-curl", Stop);
        await using var server = await Server.Start(Product.Granary, Stop, "--engine=memory");
        var examples = Examples(await File.ReadAllTextAsync(Path.Combine(Repository.Root, "README.md"), Stop));
        Assert.True(examples.Count > 4, "the README has no examples");
        foreach (var (command, shown) in examples)
        {
            Assert.Equal(
                $"{command}\n{GatewayAnswer.Lines(shown)}",
                $"{command}\n{GatewayAnswer.Lines(await Run(command.Replace(WrittenEndpoint, server.Endpoint, StringComparison.Ordinal)))}");
        }
    }

    /// <summary>Each command of curl, with the lines below it up to the next prompt.</summary>
    private static List<(string Command, string Shown)> Examples(string readme)
    {
        var examples = new List<(string, string)>();
        foreach (var block in readme.Split("```").Where(block => block.StartsWith("console\n" + Prompt + "curl", StringComparison.Ordinal)))
        {
            foreach (var example in block["console\n".Length..].Split('\n' + Prompt))
            {
                var lines = example.TrimEnd('\n').Split('\n');
                examples.Add((lines[0].TrimStart('$', ' '), string.Join('\n', lines[1..])));
            }
        }

        return examples;
    }

    private static async Task<string> Run(string command) =>
        (await Tool.End(Tool.Start("/bin/sh", ["-c", command]), Stop)).Output.TrimEnd('\n');
}
