using Orleans;
using Orleans.Runtime;
using Orleans.Storage;
using static Granary.Orleans.Tests.ComparedStores;

namespace Granary.Orleans.Tests;

/// <summary>
/// What a grain and a silo can rely on is the same by whichever provider: the same steps, with Granary's, with Orleans' own for Redis, and with
/// its own for ADO.NET. What only ours promise is asked of them alone, in the other tests.
/// </summary>
public sealed class ProviderComparisonTests(ComparedStores stores) : IClassFixture<ComparedStores>
{
    private readonly GrainId _grain = GrainId.Create("test", Guid.NewGuid().ToString("N") + "/ümlaut");

    public static TheoryData<Kind> All => Kinds;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory]
    [MemberData(nameof(All))]
    public async Task A_state_is_read_as_it_was_written_until_it_is_cleared(Kind kind)
    {
        var storage = stores.Storage(kind);
        var state = new GrainState<Tally>();
        await storage.ReadStateAsync("s", _grain, state);
        Assert.Equal((false, null), (state.RecordExists, state.ETag));
        for (var count = 1; count <= 3; count++)
        {
            var before = state.ETag;
            state.State = new Tally { Count = count };
            await storage.WriteStateAsync("s", _grain, state);
            Assert.True(state.RecordExists);
            Assert.NotEqual(before, state.ETag);
            var read = await Read(storage);
            Assert.Equal((count, true, state.ETag), (read.State!.Count, read.RecordExists, read.ETag));
        }

        await storage.ClearStateAsync("s", _grain, state);
        Assert.False(state.RecordExists);
        Assert.False((await Read(storage)).RecordExists);
        state.State = new Tally { Count = 7 };
        await storage.WriteStateAsync("s", _grain, state);
        Assert.Equal(7, (await Read(storage)).State!.Count);
    }

    [Theory]
    [MemberData(nameof(All))]
    public async Task Who_has_not_seen_a_state_neither_writes_nor_clears_it(Kind kind)
    {
        var storage = stores.Storage(kind);
        var first = new GrainState<Tally>(new Tally { Count = 1 });
        await storage.WriteStateAsync("s", _grain, first);
        var late = await Read(storage);
        first.State = new Tally { Count = 2 };
        await storage.WriteStateAsync("s", _grain, first);

        late.State = new Tally { Count = 3 };
        await Assert.ThrowsAnyAsync<InconsistentStateException>(() => storage.WriteStateAsync("s", _grain, late));
        await Assert.ThrowsAnyAsync<InconsistentStateException>(() => storage.ClearStateAsync("s", _grain, late));
        await Assert.ThrowsAnyAsync<InconsistentStateException>(() => storage.WriteStateAsync("s", _grain, new GrainState<Tally>(new Tally { Count = 4 })));
        Assert.Equal(2, (await Read(storage)).State!.Count);
        Assert.False((await Read(storage, "another")).RecordExists);
    }

    [Theory]
    [MemberData(nameof(All))]
    public async Task Of_many_who_write_at_once_each_state_is_followed_by_one_and_what_was_acknowledged_outlives_a_kill(Kind kind)
    {
        const int Writers = 8;
        const int Writes = 15;
        var storage = stores.Storage(kind);
        var (acknowledged, unknown) = (0, 0);
        var writers = Enumerable.Range(0, Writers).Select(_ => Task.Run(async () =>
        {
            for (var done = 0; done < Writes;)
            {
                Stop.ThrowIfCancellationRequested();
                try
                {
                    var state = await Read(storage);
                    state.State = new Tally { Count = (state.State?.Count ?? 0) + 1 };
                    await storage.WriteStateAsync("s", _grain, state);
                    Interlocked.Increment(ref acknowledged);
                    done++;
                }
                catch (InconsistentStateException)
                {
                    // Somebody was faster.
                }
                catch (Exception) when (!Stop.IsCancellationRequested)
                {
                    // It is away, and may have written before it went.
                    Interlocked.Increment(ref unknown);
                    await Task.Delay(20, Stop);
                }
            }
        })).ToList();
        await Eventually.Holds("some are written", () => Task.FromResult(Volatile.Read(ref acknowledged) >= Writers), TimeSpan.FromSeconds(60), Stop);
        await stores.Restart(kind, Stop);
        await Task.WhenAll(writers);
        Assert.InRange((await Read(storage)).State!.Count, acknowledged, acknowledged + unknown);
        Assert.Equal(Writers * Writes, acknowledged);
    }

    [Theory]
    [MemberData(nameof(All))]
    public async Task A_reminder_is_found_in_its_range_and_removed_by_who_has_seen_the_newest(Kind kind)
    {
        var table = stores.Reminders(kind);
        var start = new DateTime(2026, 11, 30, 12, 0, 0, DateTimeKind.Utc);
        Assert.Null(await table.ReadRow(_grain, "wake", Stop));
        var first = await table.UpsertRow(new ReminderEntry { GrainId = _grain, ReminderName = "wake", StartAt = start, Period = TimeSpan.FromDays(40) }, Stop);
        var second = await table.UpsertRow(new ReminderEntry { GrainId = _grain, ReminderName = "wake", StartAt = start, Period = TimeSpan.FromHours(1) }, Stop);
        Assert.NotEqual(first, second);
        var read = (await table.ReadRow(_grain, "wake", Stop))!;
        Assert.Equal((start, TimeSpan.FromHours(1), second), (read.StartAt, read.Period, read.ETag));

        var hash = _grain.GetUniformHashCode();
        foreach (var (begin, end, isIn) in new[] { (hash - 1, hash, true), (hash, hash + 1, false), (hash + 1, hash, true), (hash, hash - 1, false) })
        {
            Assert.Equal(isIn, (await table.ReadRows(begin, end, Stop)).Reminders.Any(one => one.GrainId == _grain));
        }

        Assert.False(await table.RemoveRow(_grain, "wake", first!, Stop));
        Assert.True(await table.RemoveRow(_grain, "wake", second!, Stop));
        Assert.False(await table.RemoveRow(_grain, "wake", second!, Stop));
        Assert.Empty((await table.ReadRows(_grain, Stop)).Reminders);
    }

    [Theory]
    [MemberData(nameof(All))]
    public async Task A_silo_is_entered_once_and_changed_by_who_knows_the_version(Kind kind)
    {
        var table = await stores.NewMembership(kind);
        var entry = MembershipTableTests.Entry(1);
        var empty = await table.ReadAllAsync(Stop);
        Assert.Equal((0, 0), (empty.Members.Count, empty.Version.Version));
        Assert.True(await table.InsertRowAsync(entry, empty.Version.Next(), Stop));
        Assert.False(await table.InsertRowAsync(MembershipTableTests.Entry(2), empty.Version.Next(), Stop));
        var one = await table.ReadAllAsync(Stop);
        Assert.False(await table.InsertRowAsync(entry, one.Version.Next(), Stop));

        entry.Status = SiloStatus.Active;
        entry.AddSuspector(MembershipTableTests.Entry(7).SiloAddress, new DateTime(2026, 11, 30, 8, 0, 0, DateTimeKind.Utc));
        Assert.True(await table.UpdateRowAsync(entry, one.Members[0].Item2, one.Version.Next(), Stop));
        Assert.False(await table.UpdateRowAsync(entry, one.Members[0].Item2, one.Version.Next(), Stop));

        entry.IAmAliveTime = entry.IAmAliveTime.AddMinutes(5);
        await table.UpdateIAmAliveAsync(entry, Stop);
        var read = await table.ReadRowAsync(entry.SiloAddress, Stop);
        Assert.Equal(2, read.Version.Version);
        var (row, _) = Assert.Single(read.Members);
        Assert.Equal((SiloStatus.Active, entry.IAmAliveTime, entry.SiloName, entry.ProxyPort), (row.Status, row.IAmAliveTime, row.SiloName, row.ProxyPort));
        Assert.Equal(entry.SuspectTimes, row.SuspectTimes);
    }

    [Theory]
    [MemberData(nameof(All))]
    public async Task Of_many_silos_that_enter_at_once_each_has_a_version_of_its_own(Kind kind)
    {
        const int Silos = 10;
        var table = await stores.NewMembership(kind);
        await Task.WhenAll(Enumerable.Range(1, Silos).Select(async number =>
        {
            while (!await table.InsertRowAsync(MembershipTableTests.Entry(number), (await table.ReadAllAsync(Stop)).Version.Next(), Stop))
            {
                Stop.ThrowIfCancellationRequested();
            }
        }));
        var read = await table.ReadAllAsync(Stop);
        Assert.Equal((Silos, Silos), (read.Members.Count, read.Version.Version));
    }

    private async Task<GrainState<Tally>> Read(IGrainStorage storage, string name = "s")
    {
        var state = new GrainState<Tally>();
        await storage.ReadStateAsync(name, _grain, state);
        return state;
    }

    /// <summary>A grain's state.</summary>
    [GenerateSerializer]
    internal sealed class Tally
    {
        [Id(0)]
        public int Count { get; set; }
    }
}
