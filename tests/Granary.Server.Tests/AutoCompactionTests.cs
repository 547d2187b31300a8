using Google.Protobuf;
using Granary.Grains.Hosting;
using Granary.Log.Commits;
using Granary.Protos;
using Granary.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;

namespace Granary.Server.Tests;

/// <summary>When a server compacts by itself, and to where, on a clock that only the test moves.</summary>
[Collection("one server at a time")]
public sealed class AutoCompactionTests
{
    private static readonly TimeSpan Generous = TimeSpan.FromSeconds(60);

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task By_time_the_history_of_the_last_period_stays()
    {
        await using var server = await InProcessServer.Start(Stop);
        var clock = new CountedTime();
        using var compaction = Start(server, clock, new AutoCompactionOptions { RetentionPeriod = TimeSpan.FromHours(2) });
        await clock.FirstWait(compaction.StartAsync);

        // A note every six minutes; revision 2 + i is current from the i-th on.
        for (var i = 0; i < 20; i++)
        {
            Assert.Equal(-1, server.Replica.State.CompactedRevision);
            await server.Kv.PutAsync(new PutRequest { Key = ByteString.CopyFromUtf8("k") }, cancellationToken: Stop);
            await clock.Tick(TimeSpan.FromMinutes(6));
        }

        // Two hours ago it was revision 1; an hour later, what it was two hours before that.
        await Compacted(server, 1);
        for (var i = 0; i < 9; i++)
        {
            await clock.Tick(TimeSpan.FromMinutes(6));
            Assert.Equal(1, server.Replica.State.CompactedRevision);
        }

        await clock.Tick(TimeSpan.FromMinutes(6));
        await Compacted(server, 11);
        await compaction.StopAsync(Stop);
    }

    [Fact]
    public async Task By_number_the_last_revisions_stay()
    {
        await using var server = await InProcessServer.Start(Stop);
        var clock = new CountedTime();
        using var compaction = Start(server, clock, new AutoCompactionOptions { RetentionRevisions = 10 });
        await clock.FirstWait(compaction.StartAsync);
        await clock.Tick(TimeSpan.FromMinutes(5));
        Assert.Equal(-1, server.Replica.State.CompactedRevision);
        for (var i = 0; i < 30; i++)
        {
            await server.Kv.PutAsync(new PutRequest { Key = ByteString.CopyFromUtf8("k") }, cancellationToken: Stop);
        }

        clock.Advance(TimeSpan.FromMinutes(4));
        Assert.Equal(-1, server.Replica.State.CompactedRevision);
        await clock.Tick(TimeSpan.FromMinutes(1));
        await Compacted(server, 21);
        await compaction.StopAsync(Stop);
    }

    private static AutoCompaction Start(InProcessServer server, TimeProvider clock, AutoCompactionOptions options) =>
        new(server.Replica, server.Services.GetRequiredService<ILeadership>(), server.Services.GetRequiredService<IGrainFactory>(), options, clock, NullLogger<AutoCompaction>.Instance);

    private static Task Compacted(InProcessServer server, long revision) => Eventually.Holds(
        $"it is compacted to {revision}", () => Task.FromResult(server.Replica.State.CompactedRevision == revision), Generous, Stop);

    /// <summary>Knows when whoever waits by it waits again.</summary>
    private sealed class CountedTime : FakeTimeProvider
    {
        private int _waits;

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            var timer = base.CreateTimer(callback, state, dueTime, period);
            Interlocked.Increment(ref _waits);
            return timer;
        }

        /// <summary>Starts whoever waits by it; returns when the first wait has begun, since the work of a service begins on a thread of its own.</summary>
        public Task FirstWait(Func<CancellationToken, Task> start) => NextWait(() => start(Stop));

        /// <summary>Moves on to the end of a wait; returns when what was due has been done and the next wait has begun.</summary>
        public Task Tick(TimeSpan by) => NextWait(() =>
        {
            Advance(by);
            return Task.CompletedTask;
        });

        private async Task NextWait(Func<Task> cause)
        {
            var before = Volatile.Read(ref _waits);
            await cause();
            await Eventually.Holds("it waits again", () => Task.FromResult(Volatile.Read(ref _waits) > before), Generous, Stop);
        }
    }
}
