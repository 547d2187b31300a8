using Grpc.Core;

namespace Granary.Client.Tests;

/// <summary>What an operator does, against both servers, each with a store of its own.</summary>
public sealed class AdministrationTests
{
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

    private static async Task Denied(Func<Task> call) => Assert.Equal(StatusCode.PermissionDenied, (await Assert.ThrowsAsync<GranaryException>(call)).StatusCode);
}
