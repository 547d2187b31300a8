using System.Globalization;
using System.Text.Json;
using Granary.Client;
using Microsoft.Extensions.Options;
using Orleans;
using Orleans.Configuration;
using Orleans.Runtime;

namespace Granary.Orleans.Reminders;

/// <summary>
/// Of what grains are to be reminded. The keys are in the order of the grains' hashes, since each silo asks for a range of them; an etag is the revision
/// of the last change.
/// </summary>
internal sealed class GranaryReminderTable(IGranaryClient client, IOptions<ClusterOptions> cluster) : IReminderTable
{
    private readonly string _prefix = $"orleans/{Uri.EscapeDataString(cluster.Value.ServiceId)}/reminders/";

    public Task<ReminderTableData> ReadRows(GrainId grainId) => ReadRows(grainId, CancellationToken.None);

    public async Task<ReminderTableData> ReadRows(GrainId grainId, CancellationToken cancellationToken) =>
        new(await Read(KeyRange.Prefix(Prefix(grainId)), cancellationToken));

    public Task<ReminderTableData> ReadRows(uint begin, uint end) => ReadRows(begin, end, CancellationToken.None);

    // Begin is not among them, end is. If end is not behind begin, the range goes on at the lowest hash.
    public async Task<ReminderTableData> ReadRows(uint begin, uint end, CancellationToken cancellationToken)
    {
        if (begin < end)
        {
            return new ReminderTableData(await Read(KeyRange.Between(Behind(begin), Behind(end)), cancellationToken));
        }

        var highest = begin == uint.MaxValue ? [] : await Read(KeyRange.Between(Behind(begin), Behind(uint.MaxValue)), cancellationToken);
        return new ReminderTableData(highest.Concat(await Read(KeyRange.Between(_prefix, Behind(end)), cancellationToken)));
    }

    public Task<ReminderEntry?> ReadRow(GrainId grainId, string reminderName) => ReadRow(grainId, reminderName, CancellationToken.None);

    public async Task<ReminderEntry?> ReadRow(GrainId grainId, string reminderName, CancellationToken cancellationToken) =>
        await client.GetAsync(Key(grainId, reminderName), cancellationToken) is { } pair ? Entry(pair) : null;

    public Task<string?> UpsertRow(ReminderEntry entry) => UpsertRow(entry, CancellationToken.None);

    public async Task<string?> UpsertRow(ReminderEntry entry, CancellationToken cancellationToken)
    {
        var row = JsonSerializer.SerializeToUtf8Bytes(new Row(entry.StartAt, entry.Period));
        var put = await client.PutAsync(Key(entry.GrainId, entry.ReminderName), row, cancellationToken: cancellationToken);
        return ETags.Of(put.Revision);
    }

    public Task<bool> RemoveRow(GrainId grainId, string reminderName, string eTag) => RemoveRow(grainId, reminderName, eTag, CancellationToken.None);

    public async Task<bool> RemoveRow(GrainId grainId, string reminderName, string eTag, CancellationToken cancellationToken)
    {
        // An etag that is none of ours is that of no reminder.
        if (!long.TryParse(eTag, NumberStyles.None, CultureInfo.InvariantCulture, out var revision) || revision == 0)
        {
            return false;
        }

        var key = Key(grainId, reminderName);
        var removed = await client.Txn()
            .If(When.ModRevision(key) == revision)
            .Then(Op.Delete(key))
            .CommitAsync(cancellationToken);
        return removed.HasSucceeded;
    }

    public Task TestOnlyClearTable() => TestOnlyClearTable(CancellationToken.None);

    public Task TestOnlyClearTable(CancellationToken cancellationToken) => client.DeleteAsync(KeyRange.Prefix(_prefix), cancellationToken: cancellationToken);

    private async Task<List<ReminderEntry>> Read(KeyRange keys, CancellationToken cancellationToken)
    {
        List<ReminderEntry> entries = [];
        await foreach (var pair in client.EnumerateAsync(keys, cancellationToken: cancellationToken))
        {
            entries.Add(Entry(pair));
        }

        return entries;
    }

    private ReminderEntry Entry(KeyValue pair)
    {
        var row = JsonSerializer.Deserialize<Row>(pair.Value.Span)!;
        return pair.Key.ToString()[_prefix.Length..].Split('/') is [_, var grain, var name]
            ? new ReminderEntry
            {
                GrainId = GrainId.Parse(Uri.UnescapeDataString(grain), CultureInfo.InvariantCulture),
                ReminderName = Uri.UnescapeDataString(name),
                StartAt = row.StartAt,
                Period = row.Period,
                ETag = ETags.Of(pair.ModRevision),
            }
            : throw new FormatException($"The key {pair.Key} is none of a reminder.");
    }

    private string Key(GrainId grain, string name) => Prefix(grain) + Uri.EscapeDataString(name);

    private string Prefix(GrainId grain) => $"{_prefix}{Hash(grain.GetUniformHashCode())}/{Uri.EscapeDataString(grain.ToString())}/";

    // Behind all keys of a hash: they go on with a slash, whose next character is a 0.
    private string Behind(uint hash) => $"{_prefix}{Hash(hash)}0";

    private static string Hash(uint hash) => hash.ToString("x8", CultureInfo.InvariantCulture);

    /// <summary>What the store keeps of a reminder, as JSON that people can read.</summary>
    private sealed record Row(DateTime StartAt, TimeSpan Period);
}
