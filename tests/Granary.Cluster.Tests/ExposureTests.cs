namespace Granary.Cluster.Tests;

/// <summary>What of a server can be reached from outside of its process.</summary>
public sealed class ExposureTests
{
    private const string Listening = "0A";

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_silo_of_its_own_opens_no_port_but_those_for_clients()
    {
        await using var server = await Server.Start(Product.Granary, Stop);
        var own = Directory.EnumerateFiles($"/proc/{server.ProcessId}/fd").Select(Target).Where(target => target is not null).ToHashSet();
        var ports = ((string[])["tcp", "tcp6"])
            .SelectMany(table => File.ReadLines($"/proc/{server.ProcessId}/net/{table}").Skip(1))
            .Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries))
            .Where(fields => fields[3] == Listening && own.Contains($"socket:[{fields[9]}]"))
            .Select(fields => Convert.ToInt32(fields[1].Split(':')[1], 16))
            .ToList();
        Assert.Equal([int.Parse(server.Endpoint.Split(':')[1], System.Globalization.CultureInfo.InvariantCulture)], ports);
    }

    [Fact]
    public async Task What_is_in_the_data_directory_is_its_owners_alone()
    {
        if (OperatingSystem.IsWindows())
        {
            return;
        }

        await using var server = await Server.Start(Product.Granary, Stop);
        await new KV.KVClient(server.Channel).PutAsync(new PutRequest { Key = Google.Protobuf.ByteString.CopyFromUtf8("a") }, cancellationToken: Stop);
        await server.Stop(Stop);
        var files = Directory.EnumerateFileSystemEntries(server.DataDirectory, "*", SearchOption.AllDirectories).Append(server.DataDirectory).ToList();
        Assert.True(files.Count > 5, string.Join('\n', files));
        foreach (var file in files)
        {
            const UnixFileMode Owners = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
            Assert.True((File.GetUnixFileMode(file) & ~Owners) == 0, $"others may use {file}");
        }
    }

    private static string? Target(string descriptor)
    {
        try
        {
            return File.ResolveLinkTarget(descriptor, returnFinalTarget: false) is { } target ? Path.GetFileName(target.FullName) : null;
        }
        catch (IOException)
        {
            // It has been closed.
            return null;
        }
    }
}
