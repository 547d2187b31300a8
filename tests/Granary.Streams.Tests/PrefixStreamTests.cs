using CsCheck;
using Google.Protobuf;
using Granary.Mvcc.Evaluation;
using Granary.Protos;
using Granary.Storage.Replicas;
using Granary.Testing;
using Orleans.Runtime;
using Orleans.Streams;

namespace Granary.Streams.Tests;

/// <summary>A grain is told of what changes below a prefix, and of nothing else.</summary>
public sealed class PrefixStreamTests : StreamTest
{
    // Few, with the byte behind which nothing comes.
    private static readonly byte[] Letters = [0, (byte)'a', (byte)'b', 0xff];

    [Fact]
    public async Task A_grain_is_told_of_its_prefixes_only_from_any_revision_on()
    {
        for (var i = 0; i < 500; i++)
        {
            Put($"other/{i}");
        }

        Put("config/a", "other/x");
        Put("jobs/1", "config/b", "config/c");
        var grain = Grains.GetGrain<IPrefixGrain>("both");
        await grain.Follow("config/", 502);
        await grain.Follow("jobs/", 1);
        Put("config0");
        Put("config/d", "jobs/2");

        // What is told when is Orleans' business, each stream is in order.
        await Eventually.Holds("all is told", async () => (await grain.Notes()).Count >= 5, Generous, Stop);
        var notes = await grain.Notes();
        Assert.Equal(["config/: 502 config/a", "config/: 503 config/b config/c", "config/: 505 config/d"], notes.Where(note => note.StartsWith("config/:", StringComparison.Ordinal)));
        Assert.Equal(["jobs/: 503 jobs/1", "jobs/: 505 jobs/2"], notes.Where(note => note.StartsWith("jobs/:", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task A_grain_that_is_not_active_is_woken_by_its_prefix_and_is_told_of_each_commit_once()
    {
        var grain = Grains.GetGrain<IPrefixGrain>("sleeper");
        await grain.Follow("a/", 2);
        for (var i = 0; i < 300; i++)
        {
            Put(i % 3 == 0 ? $"a/{i}" : $"b/{i}");
            if (i is 99 or 201)
            {
                await Eventually.Holds("it is told", async () => (await grain.Notes()).Count > i / 3, Generous, Stop);
                await grain.GoAway();
            }
        }

        await Eventually.Holds("all is told", async () => (await grain.Notes()).Count >= 100, Generous, Stop);
        Assert.Equal(Enumerable.Range(0, 100).Select(i => $"a/: {(i * 3) + 2} a/{i * 3}"), await grain.Notes());
        Assert.True(await grain.Activations() >= 3, "it was never away");
    }

    [Fact]
    public async Task A_grain_that_begins_at_a_compacted_revision_is_told_that_it_missed_something()
    {
        for (var i = 0; i < 100; i++)
        {
            Put("a/k");
        }

        var another = Grains.GetGrain<IPrefixGrain>("another");
        await another.Follow("a/", 2);
        await Eventually.Holds("the agent is at work", async () => (await another.Notes()).Count == 100, Generous, Stop);
        Log.Apply(new CompactionRecord(50));
        var grain = Grains.GetGrain<IPrefixGrain>("late");
        await grain.Follow("a/", 49);
        await Eventually.Holds(
            "it is told",
            async () =>
            {
                Put("a/k");
                return (await grain.Notes()).Contains($"a/: {nameof(QueueCacheMissException)}");
            },
            Generous,
            Stop);
    }

    [Fact]
    public async Task A_grain_that_is_subscribed_by_its_attribute_is_told_of_what_it_lets_through()
    {
        var grain = Grains.GetGrain<ISiloAuditGrain>(Cluster.Silos[0].SiloAddress.ToParsableString());
        await Eventually.Holds(
            "it is told",
            async () =>
            {
                Put("implicit/a", "else/b");
                Put("else/c");
                return (await grain.Notes()).Count > 3;
            },
            Generous,
            Stop);
        Assert.All(await grain.Notes(), note => Assert.Equal("implicit/a", note));
    }

    [Fact]
    public void The_agent_passes_over_a_commit_exactly_if_nothing_below_the_prefix_changed()
    {
        var bytes = Gen.Int[0, 3].Select(i => Letters[i]).Array[0, 3].Select(ByteString.CopyFrom);
        Gen.Select(bytes, bytes.Array[0, 4], Gen.Select(bytes, bytes).Array[0, 2]).Sample((prefix, keys, ranges) =>
        {
            var commit = new Commit(
                7,
                [.. keys.Select(key => new Event { Kv = new KeyValue { Key = key } })],
                null,
                [.. ranges.Select(range => new CommitRange(range.Item1, range.Item2))]);
            var below = keys.Where(key => key.Span.StartsWith(prefix.Span)).ToList();
            var isTouched = new PrefixFilter().ShouldDeliver(default(StreamId), commit, new KeyPrefix(prefix).Encoded);

            // Of ranges, by every key there can be: of four letters, one more than the longest end.
            var keysOfRanges = ranges.Where(range => Keys().Any(key => key.Span.StartsWith(prefix.Span) && new Mvcc.Keys.KeyRange(range.Item1, range.Item2).Contains(key))).ToList();
            Assert.True(isTouched || (below.Count == 0 && keysOfRanges.Count == 0), $"a commit that touches {prefix.ToBase64()} is kept from its grain");
            Assert.True(!isTouched || below.Count > 0 || ranges.Length > 0 || prefix.IsEmpty, $"a commit that does not touch {prefix.ToBase64()} is sent");
            Assert.Equal(below, new KeyPrefix(prefix).Of(commit).Events.Select(change => change.Kv.Key));
        });

        static IEnumerable<ByteString> Keys()
        {
            for (var number = 0; number < 625; number++)
            {
                var key = new List<byte>();
                for (var rest = number; rest > 0; rest /= 5)
                {
                    if (rest % 5 > 0)
                    {
                        key.Add(Letters[(rest % 5) - 1]);
                    }
                }

                yield return ByteString.CopyFrom([.. key]);
            }
        }
    }
}
