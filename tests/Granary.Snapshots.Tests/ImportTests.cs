using Google.Protobuf;
using Grpc.Core;

namespace Granary.Snapshots.Tests;

/// <summary>An import into a data directory by keys and changes: exact, from a source that is busy, compacts, or is hard to reach.</summary>
public sealed class ImportTests : SnapshotTest
{
    private const int Keys = 20_000;

    // What is imported over connections that are cut.
    private const int Megabytes = 300;

    [Theory]
    [InlineData(Product.Etcd)]
    [InlineData(Product.Granary)]
    public async Task What_comes_is_the_source_with_all_its_history(Product product)
    {
        await using var source = await Server.Start(product, Stop);
        var compacted = await Workload.Fill(source, Keys, seed: 3, Stop);
        await using var target = await Imported(source.Endpoint, null);
        await MustBeAlike(source, target, compacted, compacted, compacted + 1, compacted + 77, compacted + 200);
    }

    [Theory]
    [InlineData(Product.Etcd)]
    [InlineData(Product.Granary)]
    public async Task A_source_that_was_never_compacted_comes_with_every_change_there_ever_was(Product product)
    {
        await using var source = await Server.Start(product, Stop);
        await using (var empty = await Imported(source.Endpoint, null))
        {
            Assert.Equal(1, (await All(empty)).Header.Revision);
        }

        for (var i = 0; i < 5_000; i++)
        {
            await Put(source, $"k{i % 37}", $"{i}");
        }

        await using var target = await Imported(source.Endpoint, null);
        await MustBeAlike(source, target, 0, 1, 2, 1_000, 4_999);
    }

    [Theory]
    [InlineData(Product.Etcd)]
    [InlineData(Product.Granary)]
    public async Task A_source_compacted_to_its_last_revision_comes_as_it_is(Product product)
    {
        await using var source = await Server.Start(product, Stop);
        for (var i = 0; i < 20; i++)
        {
            await Put(source, $"k{i % 7}", $"{i}");
        }

        await Compact(source, 21);
        await using var target = await Imported(source.Endpoint, null);
        await MustBeAlike(source, target, 21, 21);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Ten_cuts_have_less_than_a_tenth_sent_again(bool isCompacted)
    {
        await using var source = await Server.Start(Product.Etcd, Stop);
        var compacted = await FillLarge(source, isCompacted);
        await using var whole = new CuttingProxy(source.Endpoint);
        await using (var target = await Imported(whole.Endpoint, null))
        {
            Assert.InRange(whole.Sent, Megabytes * 800_000L, Megabytes * 1_300_000L);
        }

        await using var cutting = new CuttingProxy(source.Endpoint, whole.Sent / 11, cuts: 10);
        await using (var target = await Imported(cutting.Endpoint, "going on where it was"))
        {
            await MustBeAlike(source, target, compacted);
        }

        Assert.Equal(0, cutting.CutsLeft);
        Assert.True(cutting.Sent < whole.Sent * 1.1, $"{cutting.Sent} bytes instead of {whole.Sent}");
        TestContext.Current.SendDiagnosticMessage($"{cutting.Sent - whole.Sent} of {whole.Sent} bytes were sent again");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_source_that_compacts_meanwhile_comes_as_of_then(bool compactsWhatWasNotFetched)
    {
        await using var source = await Server.Start(Product.Etcd, Stop);
        await Workload.Fill(source, Keys, seed: 5, Stop);
        var compacted = 0L;
        await using var proxy = new CuttingProxy(source.Endpoint, 1_500_000, cuts: 1, whenCut: async () =>
        {
            var before = (await All(source)).Header.Revision;
            for (var i = 0; i < 300; i++)
            {
                await Put(source, $"key/{i * 61 % Keys:D7}", $"again {i}");
                if (i % 3 == 0)
                {
                    await new KV.KVClient(source.Channel).DeleteRangeAsync(new DeleteRangeRequest { Key = Bytes($"key/{i * 67 % Keys:D7}") }, cancellationToken: Stop);
                }
            }

            compacted = compactsWhatWasNotFetched ? (await All(source)).Header.Revision - 10 : before;
            await Compact(source, compacted);
        });
        await using var target = await Imported(proxy.Endpoint, compactsWhatWasNotFetched ? "beginning anew" : "going on where it was");
        await MustBeAlike(source, target, compacted, compacted, compacted + 5);
    }

    [Fact]
    public async Task A_long_history_comes_as_a_snapshot_and_when_that_breaks_off_by_keys_and_changes()
    {
        await using var source = await Server.Start(Product.Etcd, Stop);
        await Parallel.ForEachAsync(
            Enumerable.Range(0, 51_000),
            new ParallelOptions { MaxDegreeOfParallelism = 100, CancellationToken = Stop },
            async (i, _) => await Put(source, $"k{i % 1_000}", $"{i}"));
        await using (var target = await Imported(source.Endpoint, null))
        {
            await MustBeAlike(source, target, 0, 10_000);
        }

        await using var proxy = new CuttingProxy(source.Endpoint, 1_000_000, cuts: 3);
        await using (var target = await Imported(proxy.Endpoint, "fetching keys and changes instead"))
        {
            await MustBeAlike(source, target, 0, 10_000);
        }

        Assert.Equal(0, proxy.CutsLeft);
    }

    [Fact]
    public async Task A_busy_source_is_copied_as_it_was_at_one_revision()
    {
        await using var source = await Server.Start(Product.Etcd, Stop);
        await Workload.Fill(source, Keys, seed: 7, Stop);
        using var done = CancellationTokenSource.CreateLinkedTokenSource(Stop);
        var writing = Parallel.ForEachAsync(Enumerable.Range(0, 4), new ParallelOptions { MaxDegreeOfParallelism = 4, CancellationToken = Stop }, async (writer, token) =>
        {
            var leases = new Protos.Lease.LeaseClient(source.Channel);
            for (var i = 0; !done.IsCancellationRequested; i++)
            {
                // A key is there as long as its lease is.
                var lease = (await leases.LeaseGrantAsync(new LeaseGrantRequest { TTL = 1000 }, cancellationToken: token)).ID;
                await Put(source, $"leased/{writer}/{i % 10}", $"{i}", lease);
                await Put(source, $"left/{writer}", $"{i}");
                await leases.LeaseRevokeAsync(new LeaseRevokeRequest { ID = lease }, cancellationToken: token);
            }
        });
        await using var proxy = new CuttingProxy(source.Endpoint, 1_000_000, cuts: 3);
        await using var target = await Imported(proxy.Endpoint, "going on where it was");
        await done.CancelAsync();
        await writing;

        var there = await All(target);
        var asOfThen = await All(source, there.Header.Revision);
        MustEqual(asOfThen.Kvs, there.Kvs, "pairs");
        var granted = (await new Protos.Lease.LeaseClient(target.Channel).LeaseLeasesAsync(new LeaseLeasesRequest(), cancellationToken: Stop))
            .Leases.Select(lease => lease.ID).ToHashSet();
        Assert.All(there.Kvs.Where(pair => pair.Lease != 0), pair => Assert.Contains(pair.Lease, granted));
        await target.Stop(Stop);
        MustSucceed(await Tool.Granary(Stop, "check", target.DataDirectory));
    }

    [Fact]
    public async Task A_source_with_users_is_fetched_as_a_snapshot()
    {
        await using var source = await Server.Start(Product.Etcd, Stop);
        await Put(source, "k", "v");
        await new Auth.AuthClient(source.Channel).UserAddAsync(new AuthUserAddRequest { Name = "root", Password = "secret" }, cancellationToken: Stop);
        await using var target = Server.NotStarted(Product.Granary);
        var run = await Tool.Granary(Stop, "import", "--from", source.Endpoint, "--data-dir", target.DataDirectory);
        MustSucceed(run);
        Assert.Contains("1 users and 0 roles", run.Error, StringComparison.Ordinal);
        await target.StartAgain(Stop);
        await MustBeAlike(source, target, 0);
    }

    [Fact]
    public async Task A_source_that_stays_away_is_given_up_with_nothing_left()
    {
        await using var source = await Server.Start(Product.Etcd, Stop);
        await source.Kill(Stop);
        var run = await Tool.Granary(Stop, "import", "--from", source.Endpoint, "--data-dir", PathOf("data"));
        Assert.Equal(1, run.ExitCode);
        Assert.Contains("cannot be reached", run.Error, StringComparison.Ordinal);
        Assert.Empty(Directory.EnumerateFileSystemEntries(PathOf("")));
    }

    /// <summary>A server on what was imported from an endpoint, and whether something was said of it.</summary>
    private static async Task<Server> Imported(string endpoint, string? said)
    {
        var target = Server.NotStarted(Product.Granary);
        var run = await Tool.Granary(Stop, "import", "--from", endpoint, "--data-dir", target.DataDirectory);
        MustSucceed(run);
        if (said is not null)
        {
            Assert.Contains(said, run.Error, StringComparison.Ordinal);
        }

        await target.StartAgain(Stop);
        return target;
    }

    private static async Task Compact(Server server, long revision) =>
        await new KV.KVClient(server.Channel).CompactAsync(new CompactionRequest { Revision = revision, Physical = true }, cancellationToken: Stop);

    /// <summary>Returns the compacted revision. Values from small to large, of which a tenth is replaced; random, so that nothing on the way makes them smaller.</summary>
    private static async Task<long> FillLarge(Server server, bool isCompacted)
    {
        var kv = new KV.KVClient(server.Channel);
        var random = new Random(11);
        var bytes = new byte[1 << 20];
        random.NextBytes(bytes);
        var last = 0L;
        foreach (var (part, size) in Enumerable.Range(0, Megabytes).Select(part => (part, size: 1 << random.Next(8, 19))))
        {
            var txn = new TxnRequest();
            for (var at = 0; at < bytes.Length && txn.Success.Count < 120; at += size)
            {
                txn.Success.Add(new RequestOp
                {
                    RequestPut = new PutRequest { Key = Bytes($"{part % (Megabytes * 9 / 10):D4}/{at:D7}"), Value = ByteString.CopyFrom(bytes, at, size) },
                });
            }

            for (var rest = txn.Success.Sum(put => put.RequestPut.Value.Length); rest < bytes.Length; rest += 1 << 18)
            {
                await kv.PutAsync(
                    new PutRequest { Key = Bytes($"{part:D4}/rest/{rest}"), Value = ByteString.CopyFrom(bytes, 0, Math.Min(1 << 18, bytes.Length - rest)) },
                    cancellationToken: Stop);
            }

            last = (await kv.TxnAsync(txn, cancellationToken: Stop)).Header.Revision;
        }

        if (!isCompacted)
        {
            return 0;
        }

        await Compact(server, last - 5);
        return last - 5;
    }
}
