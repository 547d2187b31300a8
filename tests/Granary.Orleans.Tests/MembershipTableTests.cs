using System.Net;
using Granary.Orleans.Clustering;
using Microsoft.Extensions.Options;
using Orleans;
using Orleans.Configuration;
using Orleans.Runtime;

namespace Granary.Orleans.Tests;

/// <summary>What Orleans asks of a table of silos: a row changes with the version of all, by one of those who want it, and by nobody who is late.</summary>
public sealed class MembershipTableTests(BothServers servers)
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(Product.Etcd)]
    [InlineData(Product.Granary)]
    public async Task A_row_is_inserted_once_and_read_as_it_was_written(Product product)
    {
        await using var client = new GranaryClient(servers.Of(product).Address);
        var table = await NewTable(client);
        var version = (await table.ReadAll()).Version;
        Assert.Equal(0, version.Version);

        var entry = Entry(1);
        Assert.True(await table.InsertRow(entry, version.Next()));
        Assert.False(await table.InsertRow(entry, version.Next()));
        var read = await table.ReadRow(entry.SiloAddress);
        Assert.Equal(1, read.Version.Version);
        Assert.False(await table.InsertRow(entry, read.Version.Next()));
        Assert.Equal(
            (entry.Status, entry.HostName, entry.SiloName, entry.RoleName, entry.ProxyPort, entry.StartTime),
            (read.Members[0].Item1.Status, read.Members[0].Item1.HostName, read.Members[0].Item1.SiloName, read.Members[0].Item1.RoleName, read.Members[0].Item1.ProxyPort, read.Members[0].Item1.StartTime));
        Assert.Equal(
            (entry.IAmAliveTime, entry.UpdateZone, entry.FaultZone),
            (read.Members[0].Item1.IAmAliveTime, read.Members[0].Item1.UpdateZone, read.Members[0].Item1.FaultZone));
        Assert.Empty((await table.ReadRow(Entry(2).SiloAddress)).Members);
    }

    [Theory]
    [InlineData(Product.Etcd)]
    [InlineData(Product.Granary)]
    public async Task A_row_is_changed_by_who_knows_it_and_the_version(Product product)
    {
        await using var client = new GranaryClient(servers.Of(product).Address);
        var table = await NewTable(client);
        var entry = Entry(1);
        Assert.True(await table.InsertRow(entry, (await table.ReadAll()).Version.Next()));
        var first = await table.ReadAll();
        var etag = first.Members[0].Item2;
        entry.Status = SiloStatus.Active;
        entry.AddSuspector(Entry(7).SiloAddress, new DateTime(2026, 11, 30, 8, 0, 0, DateTimeKind.Utc));
        Assert.True(await table.UpdateRow(entry, etag, first.Version.Next()));

        // By the old version, and by the old row.
        Assert.False(await table.UpdateRow(entry, etag, first.Version.Next()));
        var second = await table.ReadAll();
        Assert.False(await table.UpdateRow(entry, etag, second.Version.Next()));
        Assert.False(await table.UpdateRow(Entry(2), second.Members[0].Item2, second.Version.Next()));
        Assert.Equal(2, second.Version.Version);
        Assert.Equal(SiloStatus.Active, second.Members[0].Item1.Status);
        Assert.Equal(entry.SuspectTimes, second.Members[0].Item1.SuspectTimes);
    }

    [Theory]
    [InlineData(Product.Etcd)]
    [InlineData(Product.Granary)]
    public async Task To_be_alive_changes_neither_row_nor_version(Product product)
    {
        await using var client = new GranaryClient(servers.Of(product).Address);
        var table = await NewTable(client);
        var entry = Entry(1);
        Assert.True(await table.InsertRow(entry, (await table.ReadAll()).Version.Next()));
        var before = await table.ReadAll();
        entry.IAmAliveTime = entry.StartTime.AddMinutes(5);
        await table.UpdateIAmAlive(entry);
        var after = await table.ReadAll();
        Assert.Equal(entry.IAmAliveTime, after.Members[0].Item1.IAmAliveTime);
        Assert.Equal((before.Version.VersionEtag, before.Members[0].Item2), (after.Version.VersionEtag, after.Members[0].Item2));
    }

    [Theory]
    [InlineData(Product.Etcd)]
    [InlineData(Product.Granary)]
    public async Task Of_many_who_write_at_once_each_version_is_one_ones(Product product)
    {
        const int Silos = 10;
        await using var client = new GranaryClient(servers.Of(product).Address);
        var table = await NewTable(client);
        await Task.WhenAll(Enumerable.Range(1, Silos).Select(async number =>
        {
            while (!await table.InsertRow(Entry(number), (await table.ReadAll()).Version.Next()))
            {
                Stop.ThrowIfCancellationRequested();
            }
        }));
        var read = await table.ReadAll();
        Assert.Equal((Silos, Silos), (read.Members.Count, read.Version.Version));
    }

    [Theory]
    [InlineData(Product.Etcd)]
    [InlineData(Product.Granary)]
    public async Task Who_is_long_dead_is_cleaned_up_and_a_cluster_is_deleted_alone(Product product)
    {
        await using var client = new GranaryClient(servers.Of(product).Address);
        var clusterId = Guid.NewGuid().ToString("N");
        var (table, other) = (await NewTable(client, clusterId), await NewTable(client));
        foreach (var (number, status) in new[] { (1, SiloStatus.Dead), (2, SiloStatus.Active), (3, SiloStatus.Dead), (4, SiloStatus.Dead) })
        {
            var entry = Entry(number);
            entry.Status = status;
            entry.StartTime = entry.IAmAliveTime = number == 3 ? DateTime.UtcNow : DateTime.UtcNow.AddDays(-2);
            if (number == 4)
            {
                entry.AddSuspector(Entry(2).SiloAddress, DateTime.UtcNow);
            }

            Assert.True(await table.InsertRow(entry, (await table.ReadAll()).Version.Next()));
            Assert.True(await other.InsertRow(entry, (await other.ReadAll()).Version.Next()));
        }

        await table.CleanupDefunctSiloEntries(DateTimeOffset.UtcNow.AddDays(-1));
        Assert.Equal([2, 3, 4], (await table.ReadAll()).Members.Select(static row => row.Item1.SiloAddress.Endpoint.Port).Order());

        await table.DeleteMembershipTableEntries(clusterId);
        Assert.Empty((await table.ReadAll()).Members);
        Assert.Equal(4, (await other.ReadAll()).Members.Count);
    }

    private static async Task<GranaryMembershipTable> NewTable(GranaryClient client, string? clusterId = null)
    {
        var table = new GranaryMembershipTable(client, Options.Create(new ClusterOptions { ClusterId = clusterId ?? Guid.NewGuid().ToString("N") }));
        await table.InitializeMembershipTable(tryInitTableVersion: true);
        await table.InitializeMembershipTable(tryInitTableVersion: true);
        return table;
    }

    internal static MembershipEntry Entry(int number) => new()
    {
        SiloAddress = SiloAddress.New(new IPEndPoint(IPAddress.Loopback, number), 1000 + number),
        Status = SiloStatus.Joining,
        HostName = "here",
        SiloName = $"silo-{number}",
        RoleName = "role",
        ProxyPort = 30000 + number,
        StartTime = new DateTime(2026, 11, 30, 7, 0, 0, DateTimeKind.Utc),
        UpdateZone = 1,
        FaultZone = 2,
        IAmAliveTime = new DateTime(2026, 11, 30, 7, 1, 0, DateTimeKind.Utc),
        SuspectTimes = [],
    };
}
