using System.Text.RegularExpressions;
using Google.Protobuf;

namespace Granary.Snapshots.Tests;

/// <summary>Moving into a running server: it gets what the source has, keeps up with it, and a second run sends only what is missing.</summary>
public sealed partial class LiveImportTests : SnapshotTest
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task A_running_server_gets_everything_and_follows_until_interrupted()
    {
        await using var etcd = await Server.Start(Product.Etcd, Stop);
        await using var granary = await Server.Start(Product.Granary, Stop);
        await Workload.Fill(etcd, 3000, seed: 1, Stop);
        await new Protos.Lease.LeaseClient(etcd.Channel).LeaseGrantAsync(new LeaseGrantRequest { ID = 99, TTL = 60 }, cancellationToken: Stop);
        await Put(etcd, "leased", "1", lease: 99);

        using var import = Tool.StartGranary("import", "--from", etcd.Endpoint, "--to", granary.Endpoint);
        await MustBecomeAlike(etcd, granary);
        Assert.Equal([Bytes("leased")], await Attached(granary, 99));

        for (var i = 0; i < 200; i++)
        {
            await Put(etcd, $"key/{i % 20}", $"{i}");
        }

        var kv = new KV.KVClient(etcd.Channel);
        await kv.DeleteRangeAsync(new DeleteRangeRequest { Key = Bytes("key/1"), RangeEnd = Bytes("key/2") }, cancellationToken: Stop);
        await MustBecomeAlike(etcd, granary);
        await new Protos.Lease.LeaseClient(etcd.Channel).LeaseRevokeAsync(new LeaseRevokeRequest { ID = 99 }, cancellationToken: Stop);
        await MustBecomeAlike(etcd, granary);
        Assert.DoesNotContain((await All(granary)).Kvs, pair => pair.Key.ToStringUtf8() == "leased");

        Signals.Send(import, Signals.Interrupt);
        var run = await Tool.End(import, Stop);
        MustSucceed(run);
        Assert.Contains($"up to revision {(await All(etcd)).Header.Revision}", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_killed_import_goes_on_where_it_was()
    {
        await using var etcd = await Server.Start(Product.Etcd, Stop);
        await using var granary = await Server.Start(Product.Granary, Stop);
        await Workload.Fill(etcd, 20_000, seed: 2, Stop);
        using (var import = Tool.StartGranary("import", "--from", etcd.Endpoint, "--to", granary.Endpoint))
        {
            await Eventually.Holds("some was copied", async () => (await All(granary)).Count > 500, Deadline, Stop);
            import.Kill();
            await import.WaitForExitAsync(Stop);
        }

        var there = (await All(granary)).Count;
        var all = (await All(etcd)).Count;
        var again = await Tool.Granary(Stop, "import", "--from", etcd.Endpoint, "--to", granary.Endpoint, "--once");
        MustSucceed(again);
        await MustBecomeAlike(etcd, granary);
        Assert.Equal(all - there, Written(again));

        var idle = await Tool.Granary(Stop, "import", "--from", etcd.Endpoint, "--to", granary.Endpoint, "--once");
        MustSucceed(idle);
        Assert.Equal(0, Written(idle));
    }

    [Fact]
    public async Task What_only_the_target_has_is_left_alone_unless_told_otherwise()
    {
        await using var etcd = await Server.Start(Product.Etcd, Stop);
        await using var granary = await Server.Start(Product.Granary, Stop);
        await Put(etcd, "a", "1");
        await Put(granary, "mine", "1");
        MustSucceed(await Tool.Granary(Stop, "import", "--from", etcd.Endpoint, "--to", granary.Endpoint, "--once"));
        Assert.Equal(["a", "mine"], (await All(granary)).Kvs.Select(pair => pair.Key.ToStringUtf8()));
        MustSucceed(await Tool.Granary(Stop, "import", "--from", etcd.Endpoint, "--to", granary.Endpoint, "--once", "--delete"));
        Assert.Equal(["a"], (await All(granary)).Kvs.Select(pair => pair.Key.ToStringUtf8()));
    }

    [Fact]
    public async Task A_target_that_is_killed_and_comes_back_catches_up()
    {
        await using var etcd = await Server.Start(Product.Etcd, Stop);
        await using var granary = await Server.Start(Product.Granary, Stop);
        await Put(etcd, "a", "1");
        await Put(etcd, "b", "1");
        using var import = Tool.StartGranary("import", "--from", etcd.Endpoint, "--to", granary.Endpoint);

        // Before that, a target that goes is one that cannot be copied to.
        while (await import.StandardError.ReadLineAsync(Stop) is { } line && !line.Contains("following", StringComparison.Ordinal))
        {
        }

        await MustBecomeAlike(etcd, granary);
        await granary.Kill(Stop);
        await Put(etcd, "a", "2");
        await new KV.KVClient(etcd.Channel).DeleteRangeAsync(new DeleteRangeRequest { Key = Bytes("b") }, cancellationToken: Stop);
        await granary.StartAgain(Stop);
        await MustBecomeAlike(etcd, granary);
        Signals.Send(import, Signals.Terminate);
        MustSucceed(await Tool.End(import, Stop));
    }

    private static async Task MustBecomeAlike(Server source, Server target)
    {
        var expected = Content(await All(source));
        await Eventually.Holds("the target has what the source has", async () => Content(await All(target)) == expected, Deadline, Stop);
    }

    // Keys, values and leases; revisions are the target's own.
    private static string Content(RangeResponse all) =>
        string.Join('\n', all.Kvs.Select(pair => $"{pair.Key.ToBase64()} {pair.Value.ToBase64()} {pair.Lease}"));

    private static async Task<IReadOnlyList<ByteString>> Attached(Server server, long lease) =>
        (await new Protos.Lease.LeaseClient(server.Channel).LeaseTimeToLiveAsync(new LeaseTimeToLiveRequest { ID = lease, Keys = true }, cancellationToken: Stop)).Keys;

    private static long Written(Tool run) =>
        long.Parse(WrittenCount().Match(run.Error).Groups[1].Value, System.Globalization.CultureInfo.InvariantCulture);

    [GeneratedRegex(@"(\d+) were written")]
    private static partial Regex WrittenCount();
}
