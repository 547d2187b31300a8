using Google.Protobuf;
using Granary.Log.Commits;
using Granary.Protos;
using Granary.Server.Configuration;
using Granary.Testing;
using Grpc.Core;
using Grpc.Health.V1;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Granary.Server.Tests;

/// <summary>Whoever asks for health, by whatever way, is told the same of each state.</summary>
[Collection("one server at a time")]
public sealed class HealthTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_server_that_serves_is_well_in_every_answer()
    {
        await using var server = await InProcessServer.Start(Stop);
        await MustSay(server, ready: null, health: null, status: null);
    }

    [Fact]
    public async Task A_server_that_is_not_there_is_well_in_none()
    {
        var address = $"http://127.0.0.1:{LoopbackPorts.Take()}";
        await Assert.ThrowsAsync<HttpRequestException>(() => PlainHttp.Get(address + "/readyz", Stop));
        var status = await Tool.Granary(Stop, "status", "--endpoint", address);
        Assert.Equal(1, status.ExitCode);
        Assert.Contains("does not answer", status.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_store_at_its_quota_is_sent_calls_and_is_not_well()
    {
        await using var server = await InProcessServer.Start(Stop, options => options with { QuotaBackendBytes = 1 << 20 });
        await Assert.ThrowsAsync<RpcException>(async () =>
        {
            for (var i = 0; i < 100; i++)
            {
                await server.Kv.PutAsync(
                    new PutRequest { Key = ByteString.CopyFromUtf8($"{i}"), Value = ByteString.CopyFrom(new byte[100_000]) }, cancellationToken: Stop);
            }
        });
        await MustSay(server, ready: null, health: "ALARM NOSPACE", status: "NOSPACE");
    }

    [Fact]
    public async Task A_corrupt_store_is_not_sent_calls_and_is_not_well()
    {
        await using var server = await InProcessServer.Start(Stop);
        await new Maintenance.MaintenanceClient(server.Channel).AlarmAsync(
            new AlarmRequest { Action = AlarmRequest.Types.AlarmAction.Activate, MemberID = server.Replica.State.MemberId, Alarm = AlarmType.Corrupt },
            cancellationToken: Stop);
        await MustSay(server, ready: "data_corruption", health: "ALARM CORRUPT", status: "CORRUPT");
    }

    [Fact]
    public async Task A_log_that_failed_makes_a_server_that_is_not_sent_calls_and_is_not_well()
    {
        await using var server = await InProcessServer.Start(Stop, static options => options with { Engine = Engine.Embedded });
        Array.ForEach(Directory.GetFiles(Path.Combine(server.DataDirectory, "log"), "*.segment"), static segment =>
        {
            using var file = File.Open(segment, FileMode.Open, FileAccess.Write, FileShare.ReadWrite);
            file.SetLength(1 << 20);
        });
        await Assert.ThrowsAsync<RpcException>(async () => await server.Kv.PutAsync(new PutRequest { Key = ByteString.CopyFromUtf8("a") }, cancellationToken: Stop));
        await server.Services.GetRequiredService<ICommitLog>().Failed.WaitAsync(Stop);
        await MustSay(server, ready: "linearizable_read", health: "RAFT NO LEADER", status: "was cut");
    }

    [Fact]
    public async Task A_server_that_stops_is_not_sent_calls_and_is_not_well()
    {
        await using var server = await InProcessServer.Start(Stop);
        server.Services.GetRequiredService<IHostApplicationLifetime>().StopApplication();
        await MustSay(server, ready: "linearizable_read", health: "RAFT NO LEADER", status: "server stopped");
    }

    /// <param name="server">Who is asked.</param>
    /// <param name="ready">The check of /readyz that fails, or null.</param>
    /// <param name="health">The reason of /health, or null.</param>
    /// <param name="status">A part of what granary status says is wrong, or null.</param>
    private static async Task MustSay(InProcessServer server, string? ready, string? health, string? status)
    {
        Assert.Equal("ok\n", await Get("/livez"));
        var readiness = await Get("/readyz");
        Assert.True(ready is null ? readiness == "ok\n" : readiness.Contains($"[-]{ready} failed", StringComparison.Ordinal), readiness);

        var grpc = await new Grpc.Health.V1.Health.HealthClient(server.Channel).CheckAsync(new HealthCheckRequest(), cancellationToken: Stop);
        Assert.Equal(ready is null ? HealthCheckResponse.Types.ServingStatus.Serving : HealthCheckResponse.Types.ServingStatus.NotServing, grpc.Status);

        Assert.Equal(health is null ? """{"health":"true","reason":""}""" : $$"""{"health":"false","reason":"{{health}}"}""" + "\n", await Get("/health"));

        var told = await Tool.Granary(Stop, "status", "--endpoint", server.Address, "--json");
        Assert.True(told.ExitCode == (status is null ? 0 : 1), told.All);
        Assert.Contains(status ?? "\"healthy\":true", told.Output, StringComparison.Ordinal);

        Task<string> Get(string path) => PlainHttp.Get(server.Address + path, Stop);
    }
}
