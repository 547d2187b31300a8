using System.Security.Cryptography;
using Grpc.Core;

namespace Granary.Client.Tests;

/// <summary>What an operator does, against both servers, each with a store of its own.</summary>
public sealed class AdministrationTests
{
    private static readonly TimeSpan Generous = TimeSpan.FromSeconds(60);

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(Product.Etcd)]
    [InlineData(Product.Granary)]
    public async Task Users_may_do_what_their_roles_may(Product product)
    {
        await using var server = await Server.Start(product, Stop);
        await using var root = ClientTest.To(server, "root", "secret");
        var administration = root.Administration;
        Assert.False(await administration.IsAuthenticationEnabledAsync(Stop));
        await administration.AddUserAsync("root", "secret", Stop);
        await administration.AddRoleAsync("root", Stop);
        await administration.GrantRoleAsync("root", "root", Stop);
        await administration.AddUserAsync("reader", "first", Stop);
        await administration.AddUserAsync("certified", null, Stop);
        await administration.AddRoleAsync("config", Stop);
        await administration.GrantPermissionAsync("config", new Permission(KeyRange.Prefix("config/"), PermissionKind.Read), Stop);
        await administration.GrantPermissionAsync("config", new Permission("log", PermissionKind.Write), Stop);
        await administration.GrantPermissionAsync("config", new Permission(KeyRange.From("z"), PermissionKind.ReadWrite), Stop);
        await administration.GrantRoleAsync("reader", "config", Stop);
        await administration.EnableAuthenticationAsync(Stop);
        Assert.True(await administration.IsAuthenticationEnabledAsync(Stop));

        Assert.Equal(["certified", "reader", "root"], (await administration.ListUsersAsync(Stop)).Order());
        Assert.Equal(["config", "root"], (await administration.ListRolesAsync(Stop)).Order());
        Assert.Equal(["config"], await administration.GetRolesOfAsync("reader", Stop));
        Assert.Equal(
            [new Permission(KeyRange.Prefix("config/"), PermissionKind.Read), new Permission("log", PermissionKind.Write), new Permission(KeyRange.From("z"), PermissionKind.ReadWrite)],
            await administration.GetPermissionsAsync("config", Stop));

        await administration.ChangePasswordAsync("reader", "second", Stop);
        await using var reader = ClientTest.To(server, "reader", "second");
        Assert.Null(await reader.GetAsync("config/color", Stop));
        await reader.PutAsync("log", "read", cancellationToken: Stop);
        await Denied(() => reader.PutAsync("config/color", "blue", cancellationToken: Stop));
        await Denied(() => reader.GetAsync("log", Stop));
        await Denied(() => reader.Administration.AddUserAsync("another", "password", Stop));

        // An etcd gives these no status of their own.
        await Assert.ThrowsAsync<GranaryException>(() => reader.Administration.DefragmentAsync(Stop));
        await Assert.ThrowsAsync<GranaryException>(() => reader.Administration.HashKeysAsync(cancellationToken: Stop));

        await administration.RevokePermissionAsync("config", "log", Stop);
        await Denied(() => reader.PutAsync("log", "read", cancellationToken: Stop));
        await administration.RevokeRoleAsync("reader", "config", Stop);
        await Denied(() => reader.GetAsync("config/color", Stop));
        await administration.RemoveRoleAsync("config", Stop);
        await administration.RemoveUserAsync("reader", Stop);
        Assert.Equal(["certified", "root"], (await administration.ListUsersAsync(Stop)).Order());
        Assert.Equal(["root"], await administration.ListRolesAsync(Stop));
        await administration.DisableAuthenticationAsync(Stop);
        Assert.False(await administration.IsAuthenticationEnabledAsync(Stop));
        Assert.Null(await root.GetAsync("config/color", Stop));
    }

    [Theory]
    [InlineData(Product.Etcd)]
    [InlineData(Product.Granary)]
    public async Task A_store_without_space_says_so_until_it_is_disarmed(Product product)
    {
        await using var server = await Server.Start(product, Stop, "--quota-backend-bytes=1048576");
        await using var client = new GranaryClient(server.Address);
        Assert.Empty(await client.Administration.ListAlarmsAsync(Stop));
        var full = await Assert.ThrowsAsync<GranaryException>(async () =>
        {
            for (var i = 0; i < 1000; i++)
            {
                await client.PutAsync($"{i}", new byte[100_000], cancellationToken: Stop);
            }
        });
        Assert.Equal(StatusCode.ResourceExhausted, full.StatusCode);
        var alarm = Assert.Single(await client.Administration.ListAlarmsAsync(Stop));
        Assert.Equal(AlarmKind.NoSpace, alarm.Kind);
        Assert.Equal(Assert.Single(await client.Administration.ListMembersAsync(Stop)).Id, alarm.MemberId);
        Assert.True(await client.Administration.DisarmAsync(alarm, Stop));
        Assert.False(await client.Administration.DisarmAsync(alarm, Stop));
    }

    [Theory]
    [InlineData(Product.Etcd)]
    [InlineData(Product.Granary)]
    public async Task A_member_says_where_it_is(Product product)
    {
        await using var server = await Server.Start(product, Stop);
        await using var client = new GranaryClient(server.Address);
        var administration = client.Administration;
        var member = Assert.Single(await administration.ListMembersAsync(Stop));
        Assert.Equal((await client.GetStatusAsync(Stop)).MemberId, member.Id);
        Assert.NotEmpty(member.Name);
        Assert.NotEmpty(member.ClientUrls);
        Assert.False(member.IsLearner);

        var elsewhere = $"http://127.0.0.1:{LoopbackPorts.Take()}";
        await administration.UpdateMemberAsync(member.Id, [elsewhere], Stop);
        Assert.Equal([elsewhere], Assert.Single(await administration.ListMembersAsync(Stop)).PeerUrls);
        var missing = await Assert.ThrowsAsync<GranaryException>(() => administration.RemoveMemberAsync(1234, Stop));
        Assert.Equal((StatusCode.NotFound, false), (missing.StatusCode, missing.MayHaveHappened));
        await Assert.ThrowsAsync<GranaryException>(() => administration.PromoteMemberAsync(member.Id, Stop));
    }

    [Theory]
    [InlineData(Product.Etcd)]
    [InlineData(Product.Granary)]
    public async Task Space_is_given_back_and_what_is_kept_has_the_same_checksum(Product product)
    {
        const int Bytes = 500_000;
        const int Pairs = 20;
        await using var server = await Server.Start(product, Stop, "--quota-backend-bytes=1073741824");
        await using var client = new GranaryClient(server.Address);
        var administration = client.Administration;
        for (var i = 0; i < Pairs; i++)
        {
            // Nothing of it can be compressed.
            await client.PutAsync($"{i:00}", RandomNumberGenerator.GetBytes(Bytes), cancellationToken: Stop);
        }

        // An etcd's file grows a moment after what was put.
        var before = await client.GetStatusAsync(Stop);
        await Eventually.Holds(
            "what was put is in the file",
            async () => (before = await client.GetStatusAsync(Stop)).DatabaseBytes >= Bytes * Pairs,
            Generous,
            Stop);
        Assert.False(before.IsLearner);
        Assert.Equal(Version.Parse(before.Version) < new Version(3, 6) ? 0 : 1 << 30, before.QuotaBytes);
        await client.DeleteAsync(KeyRange.All, cancellationToken: Stop);
        var compacted = (await client.PutAsync("kept", "value", cancellationToken: Stop)).Revision;
        await client.CompactAsync(compacted, waitForRemoval: true, Stop);
        var last = (await client.PutAsync("kept", "newer", cancellationToken: Stop)).Revision;
        var hash = await administration.HashKeysAsync(cancellationToken: Stop);
        Assert.Equal((before.MemberId, last, compacted), (hash.MemberId, hash.Revision, hash.CompactRevision));

        await administration.DefragmentAsync(Stop);
        var after = await client.GetStatusAsync(Stop);
        Assert.InRange(after.DatabaseBytes, 0, before.DatabaseBytes - (Bytes * Pairs / 2));
        Assert.InRange(after.DatabaseBytesInUse, 1, after.DatabaseBytes);
        Assert.Equal(hash, await administration.HashKeysAsync(last, Stop));
        await Assert.ThrowsAsync<CompactedException>(() => administration.HashKeysAsync(compacted - 1, Stop));
        var store = await administration.HashStoreAsync(Stop);
        Assert.Equal(store, await administration.HashStoreAsync(Stop));
        await client.PutAsync("kept", "newest", cancellationToken: Stop);
        Assert.NotEqual(store, await administration.HashStoreAsync(Stop));
        Assert.NotEqual(hash.Hash, (await administration.HashKeysAsync(cancellationToken: Stop)).Hash);
        Assert.Equal(hash, await administration.HashKeysAsync(last, Stop));
    }

    [Fact]
    public async Task An_etcd_that_leads_is_found_and_hands_over()
    {
        await using var group = await EtcdGroup.Start(3, Stop);
        await HandsOver(group.Servers);
    }

    [Fact]
    public async Task A_Granary_that_leads_is_found_and_hands_over()
    {
        await using var group = await PostgresGroup.Start(3, hasWires: false, Stop);
        await HandsOver(group.Servers);
    }

    [Fact]
    public async Task Within_the_cluster_there_is_what_an_operator_does()
    {
        await using var client = InClusterServer.Shared!.Client;
        var administration = client.Administration;
        var kept = (await client.PutAsync("operated", "1", cancellationToken: Stop)).Revision;
        var hash = await administration.HashKeysAsync(kept, Stop);
        var status = await client.GetStatusAsync(Stop);
        Assert.Equal((status.MemberId, kept), (hash.MemberId, hash.Revision));
        await client.PutAsync("operated", "2", cancellationToken: Stop);
        await administration.DefragmentAsync(Stop);
        Assert.Equal(hash, await administration.HashKeysAsync(kept, Stop));
        Assert.NotEqual(0u, await administration.HashStoreAsync(Stop));

        await administration.MoveLeaderAsync(status.LeaderId, Stop);
        Assert.Equal(StatusCode.FailedPrecondition, (await Assert.ThrowsAsync<GranaryException>(() => administration.MoveLeaderAsync(1234, Stop))).StatusCode);
    }

    private static async Task HandsOver(IReadOnlyList<Server> servers)
    {
        await using var client = new GranaryClient([.. servers.Select(static server => server.Address)]);
        var administration = client.Administration;
        var members = await administration.ListMembersAsync(Stop);
        Assert.Equal(servers.Count, members.Count);
        var first = (await client.GetStatusAsync(Stop)).LeaderId;
        foreach (var member in members.Where(member => member.Id != first).Concat(members))
        {
            await administration.MoveLeaderAsync(member.Id, Stop);
            await Eventually.Holds("it leads", async () => await client.GetStatusAsync(Stop) is var status && (status.MemberId, status.LeaderId) == (member.Id, member.Id), Generous, Stop);
        }

        var refused = await Assert.ThrowsAsync<GranaryException>(() => administration.MoveLeaderAsync(1234, Stop));
        Assert.Equal(("etcdserver: bad leader transferee", false), (refused.Message, refused.MayHaveHappened));
        var follower = servers.First(server => !members[^1].ClientUrls.Contains(server.Address));
        await using var another = new GranaryClient(follower.Address);
        refused = await Assert.ThrowsAsync<GranaryException>(() => another.Administration.MoveLeaderAsync(members[0].Id, Stop));
        Assert.Equal(("etcdserver: not leader", false), (refused.Message, refused.MayHaveHappened));
    }

    private static async Task Denied(Func<Task> call) => Assert.Equal(StatusCode.PermissionDenied, (await Assert.ThrowsAsync<GranaryException>(call)).StatusCode);
}
