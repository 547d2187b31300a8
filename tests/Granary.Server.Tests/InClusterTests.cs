using System.Security.Cryptography;
using Granary.Client;
using Granary.Client.Connections;
using Granary.Server.InCluster;
using Granary.Testing;
using Grpc.Core;
using Microsoft.Extensions.DependencyInjection;

namespace Granary.Server.Tests;

/// <summary>Grains and services of a server's own process call the store, and are told what a client by gRPC would be.</summary>
[Collection("one server at a time")]
public sealed class InClusterTests
{
    private static readonly TimeSpan Generous = TimeSpan.FromSeconds(60);

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_grain_of_the_silo_has_the_client_and_what_it_writes_anybody_reads()
    {
        await using var host = await Start(out var address);
        using var outside = new GranaryClient(address);
        var counter = host.Services.GetRequiredService<IGrainFactory>().GetGrain<ICounterGrain>("visits");
        Assert.Equal((1, 2, 3), (await counter.Next(), await counter.Next(), await counter.Next()));
        Assert.Equal("3", (await outside.GetAsync("visits", Stop))!.Value.ToString());

        var update = await FirstAsync(host.Services.GetRequiredService<IGranaryClient>().WatchAsync("visits", new WatchOptions { StartRevision = 2 }, Stop));
        Assert.Equal("1", update.Events[0].KeyValue.Value.ToString());
    }

    [Fact]
    public async Task Every_method_of_the_client_is_there()
    {
        await using var host = await Start(out _);
        var wanted = typeof(UnaryMethods).GetFields().Select(static field => (string)field.FieldType.GetProperty("Name")!.GetValue(field.GetValue(null))!).Distinct();
        Assert.Equal(wanted.Order(StringComparer.Ordinal), host.Services.GetRequiredService<InClusterMethods>().Names.Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task What_a_caller_does_with_its_arrays_afterwards_changes_nothing()
    {
        await using var host = await Start(out _);
        var client = host.Services.GetRequiredService<IGranaryClient>();
        byte[] key = [.. "key"u8], value = [.. "value"u8];
        var put = await client.PutAsync(key, value, cancellationToken: Stop);
        value.AsSpan().Clear();
        key.AsSpan().Clear();
        Assert.Equal("value", (await client.GetAsync("key", Stop))!.Value.ToString());
        var update = await FirstAsync(client.WatchAsync("key", new WatchOptions { StartRevision = put.Revision }, Stop));
        Assert.Equal("key value", $"{update.Events[0].KeyValue.Key} {update.Events[0].KeyValue.Value}");
    }

    [Fact]
    public async Task A_snapshot_is_whole_however_late_its_pieces_are_looked_at()
    {
        await using var host = await Start(out _);
        var client = host.Services.GetRequiredService<IGranaryClient>();
        for (var i = 0; i < 100; i++)
        {
            await client.PutAsync($"key{i}", new byte[50_000], cancellationToken: Stop);
        }

        var pieces = new List<ReadOnlyMemory<byte>>();
        await foreach (var piece in client.SnapshotAsync(Stop))
        {
            pieces.Add(piece);
        }

        var bytes = pieces.SelectMany(piece => piece.ToArray()).ToArray();
        Assert.Equal(Convert.ToHexString(bytes.AsSpan(^32..)), Convert.ToHexString(SHA256.HashData(bytes.AsSpan(..^32))));
    }

    [Fact]
    public async Task The_server_may_do_anything_and_a_user_what_is_permitted()
    {
        await using var host = await Start(out _);
        var client = host.Services.GetRequiredService<IGranaryClient>();
        await client.Administration.AddRoleAsync("root", Stop);
        await client.Administration.AddUserAsync("root", "secret", Stop);
        await client.Administration.GrantRoleAsync("root", "root", Stop);
        await client.Administration.AddRoleAsync("app", Stop);
        await client.Administration.AddUserAsync("ann", "anns", Stop);
        await client.Administration.GrantRoleAsync("ann", "app", Stop);
        await client.Administration.GrantPermissionAsync("app", new Permission(KeyRange.Prefix("app/"), PermissionKind.ReadWrite), Stop);
        await client.Administration.EnableAuthenticationAsync(Stop);
        await client.PutAsync("anything", "goes", cancellationToken: Stop);

        using var ann = As(host, "ann");
        await ann.PutAsync("app/a", "1", cancellationToken: Stop);
        var refused = await Assert.ThrowsAsync<GranaryException>(() => ann.PutAsync("anything", "2", cancellationToken: Stop));
        Assert.Equal((StatusCode.PermissionDenied, "etcdserver: permission denied", false), (refused.StatusCode, refused.Message, refused.MayHaveHappened));
        refused = await Assert.ThrowsAsync<GranaryException>(async () => await FirstAsync(ann.WatchAsync("anything", cancellationToken: Stop)));
        Assert.Equal(StatusCode.PermissionDenied, refused.StatusCode);

        using var stranger = As(host, "nobody");
        await Assert.ThrowsAsync<GranaryException>(() => stranger.GetAsync("app/a", Stop));
        Assert.Equal("goes", (await client.GetAsync("anything", Stop))!.Value.ToString());
    }

    [Fact]
    public async Task The_quota_and_the_audit_log_hold_for_grains_too()
    {
        var audit = Path.GetTempFileName();
        try
        {
            await using var host = await Start(out _, ("quota-backend-bytes", "1048576"), ("audit-log", audit));
            var client = host.Services.GetRequiredService<IGranaryClient>();
            await client.PutAsync("audited", "secret", cancellationToken: Stop);
            var refused = await Assert.ThrowsAsync<GranaryException>(async () =>
            {
                for (var i = 0; i < 1000; i++)
                {
                    await client.PutAsync($"key{i}", new byte[100_000], cancellationToken: Stop);
                }
            });
            Assert.Equal("etcdserver: mvcc: database space exceeded", refused.Message);
            var lines = await File.ReadAllLinesAsync(audit, Stop);
            var line = Assert.Single(lines, line => line.Contains("audited", StringComparison.Ordinal) || line.Contains("YXVkaXRlZA", StringComparison.Ordinal));
            Assert.Contains("\"peer\":\"in-cluster\"", line, StringComparison.Ordinal);
            Assert.DoesNotContain("secret", line, StringComparison.Ordinal);
        }
        finally
        {
            File.Delete(audit);
        }
    }

    [Fact]
    public async Task A_call_ends_when_it_is_given_up_and_a_watch_when_the_server_stops()
    {
        var host = await Start(out _);
        var client = host.Services.GetRequiredService<IGranaryClient>();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => client.GetAsync("key", new CancellationToken(canceled: true)));

        // Until the server stops it has not ended, whatever comes first.
        var direct = new InClusterCalls(host.Services.GetRequiredService<InClusterMethods>(), new InClusterClientOptions(), TimeProvider.System);
        var begun = new TaskCompletionSource();
        var watching = Task.Run(
            async () =>
            {
                await foreach (var response in direct.Watch(new Protos.WatchCreateRequest { Key = Google.Protobuf.ByteString.CopyFromUtf8("key") }, Stop))
                {
                    begun.TrySetResult();
                }
            },
            Stop);
        await begun.Task.WaitAsync(Generous, Stop);
        await host.DisposeAsync();
        Assert.Equal("etcdserver: server stopped", (await Assert.ThrowsAsync<GranaryException>(() => watching)).Message);

        // Whoever asks then is told at once, and does not go on asking.
        await Assert.ThrowsAsync<ObjectDisposedException>(() => client.GetAsync("key", Stop));
        await Assert.ThrowsAsync<ObjectDisposedException>(() => FirstAsync(client.WatchAsync("key", cancellationToken: Stop)).WaitAsync(Generous, Stop));
        await host.DisposeAsync();
    }

    [Theory]
    [InlineData("no-such-flag", "1", "'no-such-flag' is not a setting: granary --help lists the flags, whose names are those without the dashes")]
    [InlineData("auto-compaction-mode", "never", "--auto-compaction-mode")]
    public async Task A_setting_that_cannot_be_used_is_named(string name, string value, string message)
    {
        var exception = await Assert.ThrowsAsync<InvalidOperationException>(() => Start(out _, (name, value)));
        Assert.Contains(message, exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Services_of_the_program_find_everything_at_work_when_they_start()
    {
        await using var host = await Start(out _);
        Assert.NotNull(host.Services.GetRequiredService<FirstWrite>().Written);
    }

    private static Task<GranaryHost> Start(out string address, params (string Name, string Value)[] settings)
    {
        address = $"http://127.0.0.1:{LoopbackPorts.Take()}";
        var all = new Dictionary<string, string>
        {
            ["engine"] = "memory",
            ["listen-client-urls"] = address,
            ["advertise-client-urls"] = address,
            ["log-level"] = "error",
        };
        foreach (var (name, value) in settings)
        {
            all[name] = value;
        }

        return GranaryHost.StartAsync(
            all,
            silo =>
            {
                silo.AddGranaryClient();
                silo.Services.AddSingleton<FirstWrite>();
                silo.Services.AddHostedService(static services => services.GetRequiredService<FirstWrite>());
            },
            Stop);
    }

    private static GranaryClient As(GranaryHost host, string user) => new(
        new InClusterCalls(host.Services.GetRequiredService<InClusterMethods>(), new InClusterClientOptions { UserName = user }, TimeProvider.System), TimeProvider.System);

    private static async Task<WatchUpdate> FirstAsync(IAsyncEnumerable<WatchUpdate> updates)
    {
        await foreach (var update in updates.WithCancellation(Stop))
        {
            return update;
        }

        throw new InvalidOperationException("the watch ended without a word");
    }

    private sealed class FirstWrite(IGranaryClient client) : Microsoft.Extensions.Hosting.IHostedService
    {
        public PutResult? Written { get; private set; }

        public async Task StartAsync(CancellationToken cancellationToken) => Written = await client.PutAsync("first", "write", cancellationToken: cancellationToken);

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
