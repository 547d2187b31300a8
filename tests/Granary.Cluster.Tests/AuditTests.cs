using System.Collections.Concurrent;
using System.Text.Json;
using Google.Protobuf;
using Grpc.Core;

namespace Granary.Cluster.Tests;

/// <summary>The audit log: who did what, no value ever, and no answer without its line, though the process is killed.</summary>
public sealed class AuditTests : IDisposable
{
    private const string Value = "a-value-that-nobody-may-see";
    private const string Password = "a-password-that-nobody-may-see";

    private readonly string _directory = Directory.CreateTempSubdirectory("granary-audit-").FullName;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private string File => Path.Combine(_directory, "audit.log");

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public async Task Writes_logins_and_refused_calls_are_noted_and_never_a_value()
    {
        await using var server = await Server.Start(Product.Granary, Stop, "--audit-log", File, "--bcrypt-cost=4");
        var auth = new Auth.AuthClient(server.Channel);
        var kv = new KV.KVClient(server.Channel);
        await auth.UserAddAsync(new AuthUserAddRequest { Name = "root", Password = Password }, cancellationToken: Stop);
        await auth.UserGrantRoleAsync(new AuthUserGrantRoleRequest { User = "root", Role = "root" }, cancellationToken: Stop);
        await auth.UserAddAsync(new AuthUserAddRequest { Name = "ann", Password = Password }, cancellationToken: Stop);
        await auth.AuthEnableAsync(new AuthEnableRequest(), cancellationToken: Stop);
        await Assert.ThrowsAsync<RpcException>(async () => await auth.AuthenticateAsync(new AuthenticateRequest { Name = "ann", Password = Value }, cancellationToken: Stop));
        var root = await LogIn("root");
        var ann = await LogIn("ann");

        await kv.PutAsync(Put("k"), root, cancellationToken: Stop);
        await kv.RangeAsync(new RangeRequest { Key = Bytes("k") }, root, cancellationToken: Stop);
        await kv.TxnAsync(
            new TxnRequest
            {
                Compare = { new Compare { Key = Bytes("k"), Target = Compare.Types.CompareTarget.Value, Value = Bytes(Value) } },
                Success = { new RequestOp { RequestPut = Put("t") } },
                Failure = { new RequestOp { RequestDeleteRange = new DeleteRangeRequest { Key = Bytes("a"), RangeEnd = Bytes("b") } } },
            },
            root,
            cancellationToken: Stop);
        await Assert.ThrowsAsync<RpcException>(async () => await kv.RangeAsync(new RangeRequest { Key = Bytes("k"), RangeEnd = Bytes("l") }, ann, cancellationToken: Stop));
        await Assert.ThrowsAsync<RpcException>(async () => await kv.PutAsync(Put("k"), cancellationToken: Stop));
        await Assert.ThrowsAsync<RpcException>(async () => await kv.PutAsync(Put("k"), new Metadata { { "token", "forged.1" } }, cancellationToken: Stop));
        using (var watch = new Watch.WatchClient(server.Channel).Watch(ann, cancellationToken: Stop))
        {
            await watch.RequestStream.WriteAsync(new WatchRequest { CreateRequest = new WatchCreateRequest { Key = Bytes("k") } }, Stop);
            Assert.True(await watch.ResponseStream.MoveNext(Stop));
            Assert.True(watch.ResponseStream.Current.Canceled);
        }

        var lines = System.IO.File.ReadAllLines(File);
        Assert.Equal(
            [
                "UserAdd  OK of=root", "UserGrantRole  OK of=root role=root", "UserAdd  OK of=ann", "AuthEnable  OK", "Authenticate ann InvalidArgument",
                "Authenticate root OK", "Authenticate ann OK", "Put root OK writes=[[\"k\"]]", "Txn root OK reads=[[\"k\"]] writes=[[\"t\"],[\"a\",\"b\"]]",
                "Range ann PermissionDenied reads=[[\"k\",\"l\"]]", "Put  InvalidArgument writes=[[\"k\"]]", "Put  Unauthenticated writes=[[\"k\"]]", "Watch ann PermissionDenied",
            ],
            lines.Select(Summary));
        Assert.All(lines, line => Assert.DoesNotContain("nobody-may-see", line, StringComparison.Ordinal));
        Assert.All(lines, line => Assert.DoesNotContain("$2a$", line, StringComparison.Ordinal));

        async Task<Metadata> LogIn(string user) => new()
        {
            { "token", (await auth.AuthenticateAsync(new AuthenticateRequest { Name = user, Password = Password }, cancellationToken: Stop)).Token },
        };
    }

    [Fact]
    public async Task No_acknowledged_write_lacks_its_line_after_a_kill()
    {
        await using var server = await Server.Start(Product.Granary, Stop, "--audit-log", File);
        var kv = new KV.KVClient(server.Channel);
        var acknowledged = new ConcurrentBag<string>();
        var writers = Enumerable.Range(0, 16).Select(writer => Task.Run(
            async () =>
            {
                try
                {
                    for (var i = 0; ; i++)
                    {
                        await kv.PutAsync(Put($"{writer}/{i}"), cancellationToken: Stop);
                        acknowledged.Add($"{writer}/{i}");
                    }
                }
                catch (RpcException)
                {
                    // Killed.
                }
            },
            Stop)).ToList();
        await Eventually.Holds("a thousand writes are acknowledged", () => Task.FromResult(acknowledged.Count > 1000), TimeSpan.FromSeconds(60), Stop);
        await server.Kill(Stop);
        await Task.WhenAll(writers);
        var noted = System.IO.File.ReadLines(File).Select(Key).ToHashSet();
        Assert.Empty(acknowledged.Except(noted));
    }

    [Fact]
    public async Task A_file_that_is_moved_away_is_made_anew()
    {
        await using var server = await Server.Start(Product.Granary, Stop, "--audit-log", File);
        var kv = new KV.KVClient(server.Channel);
        await kv.PutAsync(Put("before"), cancellationToken: Stop);
        System.IO.File.Move(File, $"{File}.1");
        await Eventually.Holds(
            "there is a file again",
            async () =>
            {
                await kv.PutAsync(Put("after"), cancellationToken: Stop);
                return System.IO.File.Exists(File);
            },
            TimeSpan.FromSeconds(30),
            Stop);
        Assert.Contains("\"before\"", await System.IO.File.ReadAllTextAsync($"{File}.1", Stop), StringComparison.Ordinal);
        Assert.Contains("\"after\"", await System.IO.File.ReadAllTextAsync(File, Stop), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_file_that_cannot_be_written_is_told_of_at_the_start()
    {
        await using var server = Server.NotStarted(Product.Granary, "--audit-log", Path.Combine(_directory, "nowhere", "audit.log"));
        var refusal = await server.StartExpectingRefusal(Stop);
        Assert.Equal(1, refusal.ExitCode);
        Assert.Contains("--audit-log", refusal.Said, StringComparison.Ordinal);
    }

    private static PutRequest Put(string key) => new() { Key = Bytes(key), Value = Bytes(Value) };

    private static ByteString Bytes(string text) => ByteString.CopyFromUtf8(text);

    private static string Summary(string line)
    {
        using var json = JsonDocument.Parse(line);
        var entry = json.RootElement;
        Assert.True(entry.GetProperty("time").GetDateTime() > DateTime.UtcNow.AddMinutes(-10));
        Assert.StartsWith("ipv4:127.0.0.1:", entry.GetProperty("peer").GetString(), StringComparison.Ordinal);
        var said = $"{entry.GetProperty("method").GetString()!.Split('/')[^1]} {Text(entry, "user")} {entry.GetProperty("result").GetString()}";
        return said + string.Concat(((string[])["of", "role", "reads", "writes"])
            .Where(name => entry.TryGetProperty(name, out _))
            .Select(name => $" {name}={(entry.GetProperty(name).ValueKind == JsonValueKind.Array ? entry.GetProperty(name).GetRawText() : Text(entry, name))}"));
    }

    private static string? Text(JsonElement entry, string name) => entry.TryGetProperty(name, out var value) ? value.GetString() : "";

    private static string Key(string line)
    {
        using var json = JsonDocument.Parse(line);
        return json.RootElement.GetProperty("writes")[0][0].GetString()!;
    }
}
