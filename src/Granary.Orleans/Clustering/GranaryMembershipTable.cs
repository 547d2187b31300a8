using System.Globalization;
using Granary.Client;
using Microsoft.Extensions.Options;
using Orleans;
using Orleans.Configuration;
using Orleans.Runtime;

namespace Granary.Orleans.Clustering;

/// <summary>Which silos there are. A row changes only together with the version of them all, in one txn; an etag is the revision of the last change.</summary>
internal sealed class GranaryMembershipTable(IGranaryClient client, IOptions<ClusterOptions> cluster) : IMembershipTable
{
    private readonly MembershipKeys _keys = new(cluster.Value.ClusterId);

    public Task InitializeMembershipTable(bool tryInitTableVersion) => InitializeMembershipTableAsync(tryInitTableVersion, CancellationToken.None);

    public async Task InitializeMembershipTableAsync(bool tryInitTableVersion, CancellationToken cancellationToken)
    {
        if (tryInitTableVersion)
        {
            await client.Txn().If(When.IsMissing(_keys.Version)).Then(Op.Put(_keys.Version, "0")).CommitAsync(cancellationToken);
        }
    }

    public Task DeleteMembershipTableEntries(string clusterId) => DeleteMembershipTableEntriesAsync(clusterId, CancellationToken.None);

    public Task DeleteMembershipTableEntriesAsync(string clusterId, CancellationToken cancellationToken) =>
        client.DeleteAsync(new MembershipKeys(clusterId).All, cancellationToken: cancellationToken);

    public Task CleanupDefunctSiloEntries(DateTimeOffset beforeDate) => CleanupDefunctSiloEntriesAsync(beforeDate, CancellationToken.None);

    public async Task CleanupDefunctSiloEntriesAsync(DateTimeOffset beforeDate, CancellationToken cancellationToken)
    {
        var table = await ReadAllAsync(cancellationToken);
        foreach (var (entry, etag) in table.Members)
        {
            if (entry.Status == SiloStatus.Dead && LastChange(entry) < beforeDate.UtcDateTime)
            {
                var row = _keys.Row(entry.SiloAddress);
                await client.Txn()
                    .If(When.ModRevision(row) == ETags.Revision(etag))
                    .Then(Op.Delete(row), Op.Delete(_keys.IsAlive(entry.SiloAddress)))
                    .CommitAsync(cancellationToken);
            }
        }
    }

    public Task<MembershipTableData> ReadRow(SiloAddress key) => ReadRowAsync(key, CancellationToken.None);

    public async Task<MembershipTableData> ReadRowAsync(SiloAddress key, CancellationToken cancellationToken)
    {
        var read = await client.Txn().Then(Op.Range(_keys.Version), Op.Range(_keys.Row(key)), Op.Range(_keys.IsAlive(key))).CommitAsync(cancellationToken);
        return Table(read.Results.SelectMany(static result => result.Range!.KeyValues));
    }

    public Task<MembershipTableData> ReadAll() => ReadAllAsync(CancellationToken.None);

    public async Task<MembershipTableData> ReadAllAsync(CancellationToken cancellationToken) =>
        Table((await client.RangeAsync(_keys.All, cancellationToken: cancellationToken)).KeyValues);

    public Task<bool> InsertRow(MembershipEntry entry, TableVersion tableVersion) => InsertRowAsync(entry, tableVersion, CancellationToken.None);

    public Task<bool> InsertRowAsync(MembershipEntry entry, TableVersion tableVersion, CancellationToken cancellationToken) =>
        Write(entry, tableVersion, When.IsMissing(_keys.Row(entry.SiloAddress)), cancellationToken);

    public Task<bool> UpdateRow(MembershipEntry entry, string etag, TableVersion tableVersion) => UpdateRowAsync(entry, etag, tableVersion, CancellationToken.None);

    public Task<bool> UpdateRowAsync(MembershipEntry entry, string etag, TableVersion tableVersion, CancellationToken cancellationToken) =>
        Write(entry, tableVersion, When.ModRevision(_keys.Row(entry.SiloAddress)) == ETags.Revision(etag), cancellationToken);

    public Task UpdateIAmAlive(MembershipEntry entry) => UpdateIAmAliveAsync(entry, CancellationToken.None);

    public Task UpdateIAmAliveAsync(MembershipEntry entry, CancellationToken cancellationToken) => client.Txn()
        .If(When.Exists(_keys.Row(entry.SiloAddress)))
        .Then(Op.Put(_keys.IsAlive(entry.SiloAddress), entry.IAmAliveTime.ToString("O", CultureInfo.InvariantCulture)))
        .CommitAsync(cancellationToken);

    private async Task<bool> Write(MembershipEntry entry, TableVersion version, Condition condition, CancellationToken cancellationToken)
    {
        var written = await client.Txn()
            .If(When.ModRevision(_keys.Version) == ETags.Revision(version.VersionEtag), condition)
            .Then(
                Op.Put(_keys.Version, version.Version.ToString(CultureInfo.InvariantCulture)),
                Op.Put(_keys.Row(entry.SiloAddress), MembershipRow.Encode(entry)))
            .CommitAsync(cancellationToken);
        return written.HasSucceeded;
    }

    private MembershipTableData Table(IEnumerable<KeyValue> pairs)
    {
        var version = new TableVersion(0, "0");
        List<(SiloAddress Silo, KeyValue Pair)> rows = [];
        Dictionary<SiloAddress, DateTime> alive = [];
        foreach (var pair in pairs)
        {
            if (pair.Key == _keys.Version)
            {
                version = new TableVersion(int.Parse(pair.Value.ToString(), CultureInfo.InvariantCulture), ETags.Of(pair.ModRevision));
            }
            else if (_keys.AliveOf(pair.Key) is { } silo)
            {
                alive[silo] = DateTime.Parse(pair.Value.ToString(), CultureInfo.InvariantCulture, DateTimeStyles.RoundtripKind);
            }
            else if (_keys.SiloOf(pair.Key) is { } member)
            {
                rows.Add((member, pair));
            }
        }

        var members = rows
            .Select(row => Tuple.Create(MembershipRow.Decode(row.Silo, row.Pair.Value, alive.TryGetValue(row.Silo, out var at) ? at : null), ETags.Of(row.Pair.ModRevision)))
            .ToList();
        return new MembershipTableData(members, version);
    }

    // That others take it for dead is a change too.
    private static DateTime LastChange(MembershipEntry entry) =>
        (entry.SuspectTimes ?? []).Select(static suspicion => suspicion.Item2).Append(entry.IAmAliveTime).Append(entry.StartTime).Max();
}
