using Google.Protobuf;
using Granary.Grains.Hosting;
using Granary.Model;
using Granary.Protos;
using Granary.Storage.Replicas;
using Granary.Storage.Stores.Memory;
using Granary.Testing;
using Microsoft.Extensions.DependencyInjection;
using Orleans.Streams;
using Orleans.TestingHost;

namespace Granary.Streams.Tests;

/// <summary>Any grain follows the keyspace by the ordinary streams of Orleans, from any revision that is not compacted.</summary>
public sealed class CommitStreamTests : IAsyncLifetime
{
    private static readonly TimeSpan Generous = TimeSpan.FromSeconds(60);

    // A feed of next to nothing: whoever comes late reads from the store.
    private readonly Replica _replica = new(new MemoryStore(), feedBytes: 4096);
    private readonly AppliedLog _log;
    private InProcessTestCluster? _cluster;

    public CommitStreamTests() => _log = new AppliedLog(_replica);

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private IGrainFactory Grains => _cluster!.Client;

    public async ValueTask InitializeAsync()
    {
        var builder = new InProcessTestClusterBuilder(1);
        builder.ConfigureClient(client => client.Services.AddGranarySerialization());
        builder.ConfigureSilo((_, silo) =>
        {
            silo.Services.AddSingleton(_replica).AddGranarySerialization();
            silo.AddGranaryStreams();
        });
        _cluster = builder.Build();
        await _cluster.DeployAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await _cluster!.DisposeAsync();
        _replica.Dispose();
    }

    [Fact]
    public async Task A_grain_that_was_deactivated_resumes_at_its_token_and_misses_nothing()
    {
        var audit = Grains.GetGrain<IAuditGrain>("a");
        await audit.Follow(2);
        for (var i = 0; i < 300; i++)
        {
            Put($"k{i}");
            if (i is 100 or 200)
            {
                await Noted(audit, i);
                await audit.GoAway();
            }
        }

        await Noted(audit, 300);
        Assert.Equal(Enumerable.Range(0, 300).Select(i => $"{i + 2} k{i}"), await audit.Notes());
        Assert.True(await audit.Activations() >= 2, "it was never away");
        Assert.Empty(await audit.Errors());
    }

    [Fact]
    public async Task A_grain_can_start_at_any_revision_that_is_not_compacted()
    {
        for (var i = 0; i < 1000; i++)
        {
            Put($"k{i}");
        }

        Assert.Null(_replica.Feed.Read(500, 1));
        var early = Grains.GetGrain<IAuditGrain>("early");
        var late = Grains.GetGrain<IAuditGrain>("late");
        await early.Follow(2);
        await late.Follow(900);
        Put("last");
        await Noted(early, 1001);
        await Noted(late, 103);
        Assert.Equal("2 k0", (await early.Notes())[0]);
        Assert.Equal("900 k898", (await late.Notes())[0]);
        Assert.Equal("1002 last", (await late.Notes())[^1]);
    }

    [Fact]
    public void A_token_that_is_compacted_is_a_miss_and_the_one_of_the_compaction_is_not()
    {
        for (var i = 0; i < 100; i++)
        {
            Put("k");
        }

        _log.Apply(new CompactionRecord(50));
        var cache = new CommitCache(_replica);
        var stream = CommitStream.Of(_cluster!.Silos[0].SiloAddress);
        Assert.Throws<QueueCacheMissException>(() => cache.GetCacheCursor(stream, new RevisionToken(49)));
        Assert.Null(CommitReader.Read(_replica, 49));
        using var cursor = cache.GetCacheCursor(stream, new RevisionToken(50));
        Assert.True(cache.IsFollowed);
        Assert.Equal([50L, 51L], CommitReader.Read(_replica, 50)!.Take(2).Select(commit => commit.Revision));
    }

    [Fact]
    public async Task A_grain_whose_token_is_compacted_is_told_of_the_miss_and_goes_on_with_what_comes()
    {
        for (var i = 0; i < 100; i++)
        {
            Put("k");
        }

        var another = Grains.GetGrain<IAuditGrain>("another");
        await another.Follow(2);
        await Noted(another, 100);
        _log.Apply(new CompactionRecord(50));
        var audit = Grains.GetGrain<IAuditGrain>("a");
        await audit.Follow(49);
        Put("k");
        await Eventually.Holds("the miss was told", async () => (await audit.Errors()).Count > 0, Generous, Stop);
        Assert.Contains(nameof(QueueCacheMissException), await audit.Errors());
        await Eventually.Holds(
            "it goes on",
            async () =>
            {
                Put("later");
                return (await audit.Notes()).Exists(note => note.EndsWith("later", StringComparison.Ordinal));
            },
            Generous,
            Stop);
    }

    [Fact]
    public async Task Without_a_token_a_subscription_begins_somewhere_in_the_present_and_has_all_from_there_on()
    {
        Put("before");
        var received = new List<long>();
        var stream = _cluster!.Silos[0].ServiceProvider.GetRequiredService<IClusterClient>()
            .GetStreamProvider(CommitStream.ProviderName).GetStream<Commit>(CommitStream.Of(_cluster.Silos[0].SiloAddress));
        var subscription = await stream.SubscribeAsync((commit, _) =>
        {
            lock (received)
            {
                received.Add(commit.Revision);
            }

            return Task.CompletedTask;
        });

        // When the agent takes it up is Orleans' business: what is put until then may be missed, nothing behind it.
        await Eventually.Holds("a hundred came", () => Task.FromResult(PutAndCount() >= 100), Generous, Stop);
        await subscription.UnsubscribeAsync();
        lock (received)
        {
            var distinct = received.Distinct().ToList();
            Assert.Equal(Enumerable.Range(0, distinct.Count).Select(i => distinct[0] + i), distinct);
        }

        int PutAndCount()
        {
            Put("after");
            lock (received)
            {
                return received.Count;
            }
        }
    }

    private static Task Noted(IAuditGrain audit, int count) =>
        Eventually.Holds($"{count} changes are noted", async () => (await audit.Notes()).Count >= count, Generous, Stop);

    private void Put(string key) => _log.Write(new PutRequest { Key = ByteString.CopyFromUtf8(key) }, Stop);
}
