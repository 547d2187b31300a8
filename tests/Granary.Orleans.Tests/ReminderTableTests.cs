using Granary.Orleans.Reminders;
using Microsoft.Extensions.Options;
using Orleans;
using Orleans.Configuration;
using Orleans.Runtime;

namespace Granary.Orleans.Tests;

/// <summary>What Orleans asks of a table of reminders: each silo finds those of its range of hashes, and nobody removes what was changed since.</summary>
public sealed class ReminderTableTests(BothServers servers)
{
    private readonly string _service = Guid.NewGuid().ToString("N");

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(Product.Etcd)]
    [InlineData(Product.Granary)]
    public async Task A_reminder_is_read_as_it_was_written_until_it_is_removed(Product product)
    {
        await using var client = new GranaryClient(servers.Of(product).Address);
        var table = Table(client);
        var grain = GrainId.Create("test", "grain/with/slashes and ümlaut");
        var start = new DateTime(2026, 11, 30, 12, 0, 0, 123, DateTimeKind.Utc).AddTicks(4567);
        Assert.Null(await table.ReadRow(grain, "wake/up", Stop));

        var first = await table.UpsertRow(new ReminderEntry { GrainId = grain, ReminderName = "wake/up", StartAt = start, Period = TimeSpan.FromDays(40) }, Stop);
        var read = (await table.ReadRow(grain, "wake/up", Stop))!;
        Assert.Equal((grain, "wake/up", start, TimeSpan.FromDays(40), first), (read.GrainId, read.ReminderName, read.StartAt, read.Period, read.ETag));
        Assert.Equal(DateTimeKind.Utc, read.StartAt.Kind);

        read.Period = TimeSpan.FromMinutes(1);
        var second = await table.UpsertRow(read, Stop);
        Assert.NotEqual(first, second);
        Assert.False(await table.RemoveRow(grain, "wake/up", first!, Stop));
        Assert.Equal(TimeSpan.FromMinutes(1), (await table.ReadRow(grain, "wake/up", Stop))!.Period);
        Assert.True(await table.RemoveRow(grain, "wake/up", second!, Stop));
        Assert.False(await table.RemoveRow(grain, "wake/up", second!, Stop));
        Assert.Null(await table.ReadRow(grain, "wake/up", Stop));
        Assert.False(await table.RemoveRow(grain, "wake/up", "0", Stop));
        Assert.False(await table.RemoveRow(grain, "wake/up", Guid.NewGuid().ToString(), Stop));
    }

    [Theory]
    [InlineData(Product.Etcd)]
    [InlineData(Product.Granary)]
    public async Task A_grain_has_its_own_reminders_and_a_service_too(Product product)
    {
        await using var client = new GranaryClient(servers.Of(product).Address);
        var table = Table(client);
        foreach (var (grain, name) in new[] { ("a", "1"), ("a", "2"), ("a/", "3"), ("ab", "4") })
        {
            await table.UpsertRow(Reminder(GrainId.Create("test", grain), name), Stop);
        }

        Assert.Equal(["1", "2"], (await table.ReadRows(GrainId.Create("test", "a"), Stop)).Reminders.Select(static one => one.ReminderName).Order());
        Assert.Equal(["3"], (await table.ReadRows(GrainId.Create("test", "a/"), Stop)).Reminders.Select(static one => one.ReminderName));
        var other = new GranaryReminderTable(client, Options.Create(new ClusterOptions { ServiceId = _service + "0" }));
        Assert.Empty((await other.ReadRows(0, 0, Stop)).Reminders);
        await other.TestOnlyClearTable(Stop);
        Assert.Equal(4, (await table.ReadRows(0, 0, Stop)).Reminders.Count);
        await table.TestOnlyClearTable(Stop);
        Assert.Empty((await table.ReadRows(0, 0, Stop)).Reminders);
    }

    [Theory]
    [InlineData(Product.Etcd)]
    [InlineData(Product.Granary)]
    public async Task A_range_of_the_ring_has_its_end_and_not_its_begin(Product product)
    {
        await using var client = new GranaryClient(servers.Of(product).Address);
        var table = Table(client);
        var grains = Enumerable.Range(0, 100).Select(static number => GrainId.Create("test", $"grain-{number}")).ToList();
        await Task.WhenAll(grains.Select(grain => table.UpsertRow(Reminder(grain, "only"), Stop)));
        var hashes = grains.Select(static grain => grain.GetUniformHashCode()).Order().ToList();

        // Where a range begins or ends exactly at one, or right beside it, and at the ends of the ring.
        uint[] bounds = [0, uint.MaxValue, hashes[0], hashes[0] - 1, hashes[40], hashes[40] + 1, hashes[60], hashes[60] - 1, hashes[99], hashes[99] + 1];
        foreach (var begin in bounds)
        {
            foreach (var end in bounds)
            {
                var expected = hashes.Where(hash => begin < end ? hash > begin && hash <= end : hash > begin || hash <= end);
                var read = (await table.ReadRows(begin, end, Stop)).Reminders.Select(static one => one.GrainId.GetUniformHashCode()).Order();
                Assert.True(expected.SequenceEqual(read), $"({begin:x8}, {end:x8}]: {read.Count()} in place of {expected.Count()}");
            }
        }
    }

    private static ReminderEntry Reminder(GrainId grain, string name) =>
        new() { GrainId = grain, ReminderName = name, StartAt = DateTime.UtcNow, Period = TimeSpan.FromMinutes(1) };

    private GranaryReminderTable Table(GranaryClient client) => new(client, Options.Create(new ClusterOptions { ServiceId = _service }));
}
