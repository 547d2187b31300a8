using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Granary.Protos;
using Granary.Testing;

namespace Granary.Server.Tests;

/// <summary>What operators and what watches over a service are told: granary status, completion, and systemd's notifications.</summary>
public sealed class StatusCommandTests
{
    private static readonly TimeSpan Generous = TimeSpan.FromSeconds(60);

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Status_tells_how_a_server_is_and_its_exit_code_whether_it_is_well()
    {
        await using var server = await Testing.Server.Start(Product.Granary, Stop, "--engine=memory");
        var status = await Tool.Granary(Stop, "status", "--endpoint", server.Endpoint, "--json");
        Assert.True(status.ExitCode == 0, status.All);
        using var json = JsonDocument.Parse(status.Output);
        Assert.True(json.RootElement.GetProperty("healthy").GetBoolean());
        Assert.Equal(1, json.RootElement.GetProperty("revision").GetInt64());
        Assert.Contains("well", (await Tool.Granary(Stop, "status", "--endpoint", server.Endpoint)).Output, StringComparison.Ordinal);

        await new Maintenance.MaintenanceClient(server.Channel).AlarmAsync(
            new AlarmRequest { Action = AlarmRequest.Types.AlarmAction.Activate, MemberID = 1, Alarm = AlarmType.Nospace }, cancellationToken: Stop);
        status = await Tool.Granary(Stop, "status", "--endpoint", server.Endpoint);
        Assert.Equal(1, status.ExitCode);
        Assert.Contains("NOSPACE", status.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Status_of_a_server_that_is_not_there_is_one_line_and_exit_code_1()
    {
        var status = await Tool.Granary(Stop, "status", "--endpoint", "127.0.0.1:1");
        Assert.Equal((1, ""), (status.ExitCode, status.Output));
        Assert.Contains("does not answer", Assert.Single(status.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries)), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("bash")]
    [InlineData("zsh")]
    [InlineData("fish")]
    public async Task Shells_are_told_how_to_complete(string shell)
    {
        Assert.Contains("[suggest:", (await Tool.Granary(Stop, "completion", shell)).Output, StringComparison.Ordinal);
        Assert.Contains("snapshot", (await Tool.Granary(Stop, "[suggest:9]", "granary s")).Output.Split('\n'));
    }

    [Fact]
    public async Task Systemd_is_told_when_the_server_is_ready_and_when_it_stops()
    {
        var home = Directory.CreateTempSubdirectory("granary-systemd-");
        var path = Path.Combine(home.FullName, "notify");
        using var notify = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
        notify.Bind(new UnixDomainSocketEndPoint(path));
        var address = $"http://127.0.0.1:{LoopbackPorts.Take()}";

        // A service knows systemd by the name of its parent.
        var systemd = Path.Combine(home.FullName, "systemd");
        File.CreateSymbolicLink(systemd, "/bin/sh");
        using var process = Tool.Start(
            systemd,
            [
                "-c", "\"$@\" & echo $!; wait $!", "systemd", "dotnet", Testing.Server.GranaryAssembly(),
                "--engine=memory", $"--listen-client-urls={address}", $"--advertise-client-urls={address}", "--log-format=json",
            ],
            ("NOTIFY_SOCKET", path));
        try
        {
            Assert.Contains("READY=1", await Told(), StringComparison.Ordinal);
            using var http = new HttpClient();
            Assert.Equal(HttpStatusCode.OK, (await http.GetAsync(address + "/health", Stop)).StatusCode);
            using var service = Process.GetProcessById(int.Parse((await process.StandardOutput.ReadLineAsync(Stop))!, CultureInfo.InvariantCulture));
            Signals.Send(service, Signals.Terminate);
            Assert.Contains("STOPPING=1", await Told(), StringComparison.Ordinal);
            await process.WaitForExitAsync(Stop).WaitAsync(Generous, Stop);
            Assert.Equal(0, process.ExitCode);
            Assert.All(
                (await process.StandardError.ReadToEndAsync(Stop)).Split('\n', StringSplitOptions.RemoveEmptyEntries),
                static line => JsonDocument.Parse(line).Dispose());
        }
        finally
        {
            if (!process.HasExited)
            {
                process.Kill(entireProcessTree: true);
            }

            home.Delete(recursive: true);
        }

        async Task<string> Told()
        {
            var message = new byte[4096];
            return Encoding.UTF8.GetString(message, 0, await notify.ReceiveAsync(message, Stop).AsTask().WaitAsync(Generous, Stop));
        }
    }
}
