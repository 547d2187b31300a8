using Granary.Orleans.Storage;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Orleans;
using Orleans.Configuration;
using Orleans.Runtime;
using Orleans.Serialization;
using Orleans.Serialization.Serializers;
using Orleans.Storage;

namespace Granary.Orleans.Tests;

/// <summary>What Orleans asks of a storage: a state is read as it was written, and nobody overwrites what they have not seen.</summary>
public sealed class GrainStorageTests(BothServers servers)
{
    private const int PieceBytes = 100_000;

    private static readonly GrainId Grain = GrainId.Create("test", "grain/with/slashes");

    private static readonly ServiceProvider Services = new ServiceCollection().AddSerializer().BuildServiceProvider();
    private static readonly OrleansGrainStorageSerializer Serializer = new(Services.GetRequiredService<Serializer>());

    private readonly string _service = Guid.NewGuid().ToString("N");

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(Product.Etcd, 10)]
    [InlineData(Product.Etcd, 2_500_000)]
    [InlineData(Product.Granary, 10)]
    [InlineData(Product.Granary, 2_500_000)]
    public async Task A_state_is_read_as_it_was_written_until_it_is_cleared(Product product, int bytes)
    {
        await using var client = new GranaryClient(servers.Of(product).Address);
        var storage = Storage(client);
        var state = new GrainState<Blob>();
        await storage.ReadStateAsync("s", Grain, state);
        Assert.Equal((false, null), (state.RecordExists, state.ETag));

        foreach (var size in new[] { bytes, bytes + 1, 7, bytes })
        {
            state.State = new Blob(new byte[size]);
            Random.Shared.NextBytes(state.State!.Bytes);
            var before = state.ETag;
            await storage.WriteStateAsync("s", Grain, state);
            Assert.NotEqual(before, state.ETag);
            Assert.True(state.RecordExists);

            var read = new GrainState<Blob>();
            await storage.ReadStateAsync("s", Grain, read);
            Assert.Equal(state.State!.Bytes, read.State!.Bytes);
            Assert.Equal((true, state.ETag), (read.RecordExists, read.ETag));
        }

        await storage.ClearStateAsync("s", Grain, state);
        Assert.Equal((false, null), (state.RecordExists, state.ETag));
        await storage.ReadStateAsync("s", Grain, state);
        Assert.False(state.RecordExists);
        Assert.Empty(await Keys(client));
    }

    [Theory]
    [InlineData(Product.Etcd, 10)]
    [InlineData(Product.Etcd, 300_000)]
    [InlineData(Product.Granary, 10)]
    [InlineData(Product.Granary, 300_000)]
    public async Task Of_many_who_write_at_once_each_state_is_followed_by_one(Product product, int bytes)
    {
        const int Writers = 8;
        const int Writes = 5;
        await using var client = new GranaryClient(servers.Of(product).Address);
        var storage = Storage(client);
        await Task.WhenAll(Enumerable.Range(0, Writers).Select(async _ =>
        {
            for (var done = 0; done < Writes;)
            {
                var state = new GrainState<Blob>();
                await storage.ReadStateAsync("s", Grain, state);
                var count = state.RecordExists ? BitConverter.ToInt32(state.State!.Bytes) : 0;
                state.State = new Blob(new byte[bytes]);
                BitConverter.TryWriteBytes(state.State!.Bytes, count + 1);
                try
                {
                    await storage.WriteStateAsync("s", Grain, state);
                    done++;
                }
                catch (InconsistentStateException)
                {
                    Stop.ThrowIfCancellationRequested();
                }
            }
        }));

        var last = new GrainState<Blob>();
        await storage.ReadStateAsync("s", Grain, last);
        Assert.Equal(Writers * Writes, BitConverter.ToInt32(last.State!.Bytes));

        // Nothing stays of those that were too late: the state's key, and besides it the one that says where its pieces are, and those.
        var pieces = (Serializer.Serialize(last.State).ToMemory().Length + PieceBytes - 1) / PieceBytes;
        Assert.Equal(pieces == 1 ? 1 : pieces + 2, (await Keys(client)).Count);
    }

    [Theory]
    [InlineData(Product.Etcd)]
    [InlineData(Product.Granary)]
    public async Task Who_has_not_seen_a_state_neither_writes_nor_clears_it(Product product)
    {
        await using var client = new GranaryClient(servers.Of(product).Address);
        var storage = Storage(client);
        var state = new GrainState<Blob>(new Blob([1]));
        await storage.WriteStateAsync("s", Grain, state);
        var stored = state.ETag;

        var other = new GrainState<Blob>(new Blob([2]));
        var late = await Assert.ThrowsAsync<InconsistentStateException>(() => storage.WriteStateAsync("s", Grain, other));
        Assert.Equal((stored, null), (late.StoredEtag, late.CurrentEtag));
        other.ETag = "1";
        await Assert.ThrowsAsync<InconsistentStateException>(() => storage.WriteStateAsync("s", Grain, other));
        await Assert.ThrowsAsync<InconsistentStateException>(() => storage.ClearStateAsync("s", Grain, other));

        await storage.ReadStateAsync("s", Grain, other);
        Assert.Equal([1], other.State!.Bytes);
        await storage.ReadStateAsync("another", Grain, other);
        Assert.False(other.RecordExists);
        await storage.ReadStateAsync("s", GrainId.Create("test", "another"), other);
        Assert.False(other.RecordExists);
    }

    [Theory]
    [InlineData(Product.Etcd)]
    [InlineData(Product.Granary)]
    public async Task The_largest_state_that_is_kept_by_default_is_kept_and_replaced(Product product)
    {
        // All of it is one record of the server's log.
        var options = new GranaryClientOptions { CallTimeout = TimeSpan.FromMinutes(2) };
        options.Endpoints.Add(servers.Of(product).Address);
        await using var client = new GranaryClient(options);
        var defaults = new GranaryGrainStorageOptions();
        var storage = Storage(client, defaults.PieceBytes);
        var state = new GrainState<Blob>(new Blob(new byte[(32 * defaults.PieceBytes) - 1000]));
        for (var i = 0; i < 2; i++)
        {
            Random.Shared.NextBytes(state.State!.Bytes);
            await storage.WriteStateAsync("s", Grain, state);
            var read = new GrainState<Blob>();
            await storage.ReadStateAsync("s", Grain, read);
            Assert.True(state.State.Bytes.AsSpan().SequenceEqual(read.State!.Bytes));
        }

        await storage.ClearStateAsync("s", Grain, state);
    }

    [Theory]
    [InlineData(Product.Granary)]
    public async Task A_state_that_is_too_large_is_refused_and_says_how_large_it_may_be(Product product)
    {
        await using var client = new GranaryClient(servers.Of(product).Address);
        var refused = await Assert.ThrowsAsync<ArgumentException>(() => Storage(client).WriteStateAsync("s", Grain, new GrainState<Blob>(new Blob(new byte[33 * PieceBytes]))));
        Assert.Contains(nameof(GranaryGrainStorageOptions.PieceBytes), refused.Message, StringComparison.Ordinal);
        Assert.Empty(await Keys(client));
    }

    private async Task<IReadOnlyList<KeyValue>> Keys(GranaryClient client) =>
        (await client.RangeAsync(KeyRange.Prefix($"orleans/{_service}/"), cancellationToken: Stop)).KeyValues;

    private GranaryGrainStorage Storage(GranaryClient client, int pieceBytes = PieceBytes) => new(
        "Default",
        new GranaryGrainStorageOptions { PieceBytes = pieceBytes, GrainStorageSerializer = Serializer },
        client,
        Options.Create(new ClusterOptions { ServiceId = _service }),
        Services.GetRequiredService<IActivatorProvider>());

    [GenerateSerializer]
    internal sealed class Blob(byte[] bytes)
    {
        [Id(0)]
        public byte[] Bytes { get; } = bytes;
    }
}
