namespace Granary.Cluster.Tests;

/// <summary>Whatever keeps a server from starting is told in one line, without a stack, and by the exit code.</summary>
public sealed class StartFailureTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("ulimit -n 40", "files may be open")]
    [InlineData("ulimit -n 64", "files may be open")]
    [InlineData("ulimit -n 100", "files may be open")]
    [InlineData("ulimit -n 160", "files may be open")]
    [InlineData("ulimit -n 512", "files may be open")]
    [InlineData("ulimit -v 4000000", "the address space is limited")]
    [InlineData("export DOTNET_GCHeapHardLimit=0x2000000", "of memory may be used")]
    public Task Too_little_of_what_the_system_gives(string limit, string said) => MustRefuse(limit, ["--data-dir=data"], said);

    [Theory]
    [InlineData("true", "--listen-client-urls=http://192.0.2.1:2379", "cannot listen on http://192.0.2.1:2379: ")]
    [InlineData("true", "--listen-client-urls=http://no.such.host:2379", "the host must be an IP address")]
    [InlineData("true", "--config-file=nowhere.yml", "cannot read the configuration file nowhere.yml: ")]
    [InlineData("echo 'a: [' > broken.yml", "--config-file=broken.yml", "broken.yml, line ")]
    [InlineData("touch data", "--data-dir=data", "it is a file")]
    [InlineData("touch file", "--data-dir=file/data", "cannot be used")]
    [InlineData("true", "--data-dir=/proc/data", "cannot be used")]
    [InlineData("mkdir -p data/log && touch data/log/00000000000000000001.segment", "--data-dir=data", "The log is damaged")]
    [InlineData("mkdir -p data/store && echo x > data/store/CURRENT", "--data-dir=data", "data/store")]
    public Task What_cannot_be_used(string before, string flag, string said) =>
        MustRefuse(before, flag.StartsWith("--listen", StringComparison.Ordinal) ? [flag, "--data-dir=data"] : [flag], said);

    [Fact]
    public async Task An_address_that_is_in_use()
    {
        await using var server = await Server.Start(Product.Granary, Stop, "--engine=memory");
        await MustRefuse("true", [$"--listen-client-urls={server.Address}", "--data-dir=data"], "cannot listen on ");
    }

    [Fact]
    public async Task A_directory_that_another_server_uses()
    {
        await using var server = await Server.Start(Product.Granary, Stop);
        await MustRefuse("true", [$"--data-dir={server.DataDirectory}"], server.DataDirectory);
    }

    [Fact]
    public async Task A_file_system_that_is_read_only()
    {
        var home = Directory.CreateTempSubdirectory("granary-readonly-").FullName;
        await MustRefuse($"mount -t tmpfs -o ro tmpfs {home} && trap 'umount -l {home}' EXIT", [$"--data-dir={home}/data"], "Read-only file system");
        Directory.Delete(home);
    }

    private static async Task MustRefuse(string before, string[] flags, string said)
    {
        var home = Directory.CreateTempSubdirectory("granary-start-").FullName;
        try
        {
            var address = $"http://127.0.0.1:{LoopbackPorts.Take()}";
            string[] own = flags.Any(static flag => flag.StartsWith("--listen", StringComparison.Ordinal) || flag.StartsWith("--config", StringComparison.Ordinal))
                ? []
                : [$"--listen-client-urls={address}"];
            string[] advertised = flags.Any(static flag => flag.StartsWith("--config", StringComparison.Ordinal)) ? [] : [$"--advertise-client-urls={address}"];
            var ended = await Tool.End(
                Tool.Start("bash", ["-c", $"cd {home} && {before} && timeout 60 \"$@\"", "bash", "dotnet", Server.GranaryAssembly(), "serve", .. flags, .. own, .. advertised]),
                Stop);
            Assert.True(ended.ExitCode == 1, $"exit code {ended.ExitCode}: {ended.All}");
            Assert.Equal("", ended.Output);
            var lines = ended.Error.TrimEnd().Split('\n').Where(static line => line.StartsWith("granary: ", StringComparison.Ordinal) || line.StartsWith("   at ", StringComparison.Ordinal)).ToList();
            var line = Assert.Single(lines);
            Assert.Contains(said, line, StringComparison.Ordinal);
            Assert.Equal(line, ended.Error.TrimEnd().Split('\n')[^1]);
        }
        finally
        {
            Directory.Delete(home, recursive: true);
        }
    }
}
