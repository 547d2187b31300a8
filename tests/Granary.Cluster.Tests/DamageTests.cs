using Google.Protobuf;

namespace Granary.Cluster.Tests;

/// <summary>
/// Pitfall 20271: a damaged page ended etcd with a crash at start. Here everything read at start has a checksum: the server refuses with
/// the file's name, and destroys nothing, so that with the file mended everything is back.
/// </summary>
public sealed class DamageTests
{
    private const int Keys = 3000;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Pitfall_20271_a_flipped_byte_in_the_log_is_refused_with_the_file_and_nothing_is_lost() =>
        await RefusesAndRecovers(
            orderly: false,
            data => Directory.GetFiles(Path.Combine(data, "log"), "*.segment").Order().First(),
            _ => 4096 + 100_000);

    [Fact]
    public async Task Pitfall_20271_a_flipped_byte_in_a_file_of_the_store_is_refused_with_the_file_and_nothing_is_lost() =>
        await RefusesAndRecovers(orderly: true, data => Largest(data, "*.sst"), length => length / 2);

    [Fact]
    public async Task Pitfall_20271_a_flipped_byte_in_the_stores_manifest_is_refused_with_the_file_and_nothing_is_lost() =>
        await RefusesAndRecovers(orderly: true, data => Largest(data, "MANIFEST-*"), length => length / 2);

    [Fact]
    public async Task A_store_that_is_gone_is_made_anew_from_a_log_that_still_has_everything()
    {
        await using var server = await Filled(orderly: true);
        Directory.Delete(Path.Combine(server.DataDirectory, "store"), recursive: true);
        await MustHaveEverything(server);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_log_that_is_gone_is_not_replaced_by_an_empty_one(bool orderly)
    {
        await using var server = await Filled(orderly);
        var log = Path.Combine(server.DataDirectory, "log");
        Directory.Move(log, log + ".away");
        var refused = await Assert.ThrowsAsync<InvalidOperationException>(() => server.StartAgain(Stop));
        Assert.Contains("log", refused.Message, StringComparison.Ordinal);

        if (Directory.Exists(log))
        {
            Directory.Delete(log, recursive: true);
        }

        Directory.Move(log + ".away", log);
        await MustHaveEverything(server);
    }

    private static async Task RefusesAndRecovers(bool orderly, Func<string, string> file, Func<long, long> offset)
    {
        await using var server = await Filled(orderly);
        var path = file(server.DataDirectory);
        var at = offset(new FileInfo(path).Length);
        Flip(path, at);
        var before = Contents(server.DataDirectory);

        var refused = await Assert.ThrowsAsync<InvalidOperationException>(() => server.StartAgain(Stop));

        Assert.Contains(Path.GetFileName(path), refused.Message, StringComparison.Ordinal);
        foreach (var (name, content) in before)
        {
            Assert.True(File.Exists(name) && File.ReadAllBytes(name).AsSpan().SequenceEqual(content), $"{name} was changed");
        }

        Flip(path, at);
        await MustHaveEverything(server);
    }

    private static async Task<Server> Filled(bool orderly)
    {
        var server = await Server.Start(Product.Granary, Stop);
        var kv = new KV.KVClient(server.Channel);
        var value = new byte[1000];
        await Parallel.ForEachAsync(Enumerable.Range(0, Keys), new ParallelOptions { MaxDegreeOfParallelism = 32, CancellationToken = Stop }, async (i, token) =>
        {
            Random.Shared.NextBytes(value);
            await kv.PutAsync(new PutRequest { Key = ByteString.CopyFromUtf8($"key-{i}"), Value = ByteString.CopyFrom(value) }, cancellationToken: token);
        });
        await (orderly ? server.Stop(Stop) : server.Kill(Stop));
        return server;
    }

    private static async Task MustHaveEverything(Server server)
    {
        await server.StartAgain(Stop);
        var all = new RangeRequest { Key = ByteString.CopyFrom(0), RangeEnd = ByteString.CopyFrom(0) };
        var answer = await new KV.KVClient(server.Channel).RangeAsync(all, cancellationToken: Stop);
        Assert.Equal((Keys, Keys + 1), (answer.Count, answer.Header.Revision));
        Assert.All(answer.Kvs, pair => Assert.Equal(1000, pair.Value.Length));
    }

    // What holds data: RocksDB begins a new manifest and options file whenever it is opened.
    private static Dictionary<string, byte[]> Contents(string data) =>
        Directory.GetFiles(Path.Combine(data, "log"), "*.segment").Concat(Directory.GetFiles(Path.Combine(data, "store"), "*.sst"))
            .ToDictionary(path => path, File.ReadAllBytes);

    private static string Largest(string data, string pattern) =>
        Directory.GetFiles(Path.Combine(data, "store"), pattern).MaxBy(path => new FileInfo(path).Length)!;

    private static void Flip(string path, long offset)
    {
        using var file = File.Open(path, FileMode.Open, FileAccess.ReadWrite);
        file.Position = offset;
        var value = file.ReadByte();
        file.Position = offset;
        file.WriteByte((byte)(value ^ 0x40));
    }
}
