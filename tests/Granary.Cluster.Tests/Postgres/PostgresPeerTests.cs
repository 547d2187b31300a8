using System.Net.Security;
using System.Net.Sockets;
using Google.Protobuf;
using Grpc.Core;

namespace Granary.Cluster.Tests.Postgres;

/// <summary>Members among themselves: what they hide on the network and whom they let in, and what each knows of the others' clients.</summary>
public sealed class PostgresPeerTests : PostgresTest
{
    private readonly string _directory = Directory.CreateTempSubdirectory("granary-peers-").FullName;

    /// <summary>How members are secured.</summary>
    public enum Security
    {
        Authority,
        ByThemselves,
    }

    [Theory]
    [InlineData(Security.Authority)]
    [InlineData(Security.ByThemselves)]
    public async Task Members_that_know_each_other_speak_tls_and_nobody_else_is_let_in(Security security)
    {
        var authority = new Authority(_directory, "members");
        var first = await Secured("first", authority);
        var second = await Secured("second", authority);
        Assert.Equal(2, await Put(second, "a", "1"));
        Assert.Equal("1", (await Get(first, "a"))!.Value.ToStringUtf8());
        Assert.Equal("1", (await Get(second, "a"))!.Value.ToStringUtf8());

        // In plain words, with no certificate, and with one of somebody else's.
        var stranger = new Authority(_directory, "strangers").Issue("stranger");
        using var strangers = System.Security.Cryptography.X509Certificates.X509Certificate2.CreateFromPemFile(stranger.CertificateFile, stranger.KeyFile);
        Assert.True(await IsTurnedAway(first, certificate: null));
        Assert.True(await IsTurnedAway(first, strangers));
        using var plain = new TcpClient();
        await plain.ConnectAsync("127.0.0.1", new Uri(first.PeerAddress).Port, Stop);
        await plain.GetStream().WriteAsync(new byte[64], Stop);
        Assert.Equal(0, await ReadToEnd(plain.GetStream()));

        async Task<Server> Secured(string name, Authority signer)
        {
            string[] flags = ["--peer-auto-tls"];
            if (security == Security.Authority)
            {
                var (certificate, key) = signer.Issue(name);
                flags = ["--peer-cert-file", certificate, "--peer-key-file", key, "--peer-trusted-ca-file", signer.CertificateFile, "--peer-client-cert-auth"];
            }

            var server = NotStarted(null, [Server.SecurePeers, .. flags]);
            await server.StartAgain(Stop);
            return server;
        }
    }

    [Fact]
    public async Task A_token_is_good_on_every_member_as_soon_as_its_client_has_it()
    {
        var first = await Leader("--bcrypt-cost=4");
        var second = await Follower("--bcrypt-cost=4");
        var auth = new Auth.AuthClient(second.Channel);
        await auth.UserAddAsync(new AuthUserAddRequest { Name = "root", Password = "r" }, cancellationToken: Stop);
        await auth.RoleAddAsync(new AuthRoleAddRequest { Name = "root" }, cancellationToken: Stop);
        await auth.UserGrantRoleAsync(new AuthUserGrantRoleRequest { User = "root", Role = "root" }, cancellationToken: Stop);
        await auth.AuthEnableAsync(new AuthEnableRequest(), cancellationToken: Stop);
        foreach (var (giver, other) in ((Server, Server)[])[(first, second), (second, first)])
        {
            var token = (await new Auth.AuthClient(giver.Channel).AuthenticateAsync(new AuthenticateRequest { Name = "root", Password = "r" }, cancellationToken: Stop)).Token;
            await new KV.KVClient(other.Channel).PutAsync(
                new PutRequest { Key = ByteString.CopyFromUtf8("a") }, new Metadata { { "token", token } }, cancellationToken: Stop);
            await new KV.KVClient(giver.Channel).RangeAsync(
                new RangeRequest { Key = ByteString.CopyFromUtf8("a") }, new Metadata { { "token", token } }, cancellationToken: Stop);
        }

        foreach (var server in (Server[])[first, second])
        {
            Assert.Equal("etcdserver: user name is empty", (await Assert.ThrowsAsync<RpcException>(() => Put(server, "a", "1"))).Status.Detail);
            Assert.Equal("etcdserver: user name is empty", (await Assert.ThrowsAsync<RpcException>(() => Get(server, "a"))).Status.Detail);
        }
    }

    [Fact]
    public async Task A_port_of_another_member_is_not_taken()
    {
        var first = await Leader();
        var refused = await NotStarted(null, $"--listen-peer-urls={first.PeerAddress}").StartExpectingRefusal(Stop);
        Assert.Equal(1, refused.ExitCode);
        Assert.Contains("cannot listen for peers on", refused.Said, StringComparison.Ordinal);
        Assert.Equal(2, await Put(first, "a", "1"));
    }

    [Fact]
    public async Task A_replica_that_differs_is_found_and_its_member_is_named()
    {
        const string flag = "--corrupt-check-time=500ms";
        var leader = await Leader(flag);
        await Put(leader, "a", "right");
        await Put(leader, "b", "b");
        await Follower(flag);
        await Task.WhenAll(Enumerable.Range(0, 100).Select(i => Put(leader, $"k{i}", "v")));

        // Who joins now reads another value than the others have.
        await Database.Execute(
            "UPDATE granary.log SET record = decode(replace(encode(record, 'hex'), encode('right', 'hex'), encode('wrong', 'hex')), 'hex')", Stop);
        var wrong = await Follower(flag);
        Assert.Equal("wrong", (await Get(wrong, "a", isSerializable: true))!.Value.ToStringUtf8());
        var members = (await new Protos.Cluster.ClusterClient(leader.Channel).MemberListAsync(new MemberListRequest(), cancellationToken: Stop)).Members;
        var maintenance = new Maintenance.MaintenanceClient(leader.Channel);
        Google.Protobuf.Collections.RepeatedField<AlarmMember> alarms = [];
        await Eventually.Holds(
            "there is an alarm",
            async () => (alarms = (await maintenance.AlarmAsync(new AlarmRequest(), cancellationToken: Stop)).Alarms).Count > 0,
            Generous,
            Stop);
        Assert.Equal((AlarmType.Corrupt, members.Single(member => member.Name == wrong.MemberName).ID), (Assert.Single(alarms).Alarm, alarms[0].MemberID));
        Assert.Equal(StatusCode.DataLoss, (await Assert.ThrowsAsync<RpcException>(() => Put(wrong, "a", "1"))).StatusCode);
    }

    [Fact]
    public async Task A_replica_that_differs_is_not_served_where_the_start_looks_for_it()
    {
        const string flag = "--experimental-initial-corrupt-check";
        var leader = await Leader(flag);
        await Put(leader, "a", "right");
        Assert.Equal("right", (await Get(await Follower(flag), "a"))!.Value.ToStringUtf8());

        await Database.Execute(
            "UPDATE granary.log SET record = decode(replace(encode(record, 'hex'), encode('right', 'hex'), encode('wrong', 'hex')), 'hex')", Stop);
        var refused = await NotStarted(null, flag).StartExpectingRefusal(Stop);
        Assert.Equal(1, refused.ExitCode);
        Assert.Contains("holds another state at revision 2 than the other members have", refused.Said, StringComparison.Ordinal);
        Assert.Equal(3, await Put(leader, "a", "right"));
    }

    /// <summary>Whether a connection is ended by the other side, by its handshake or as soon as something is sent.</summary>
    private static async Task<bool> IsTurnedAway(Server server, System.Security.Cryptography.X509Certificates.X509Certificate2? certificate)
    {
        using var client = new TcpClient();
        await client.ConnectAsync("127.0.0.1", new Uri(server.PeerAddress).Port, Stop);
        await using var tls = new SslStream(client.GetStream());
        try
        {
            await tls.AuthenticateAsClientAsync(
                new SslClientAuthenticationOptions
                {
                    TargetHost = "127.0.0.1",
                    RemoteCertificateValidationCallback = static (_, shown, _, _) => shown is not null,
                    ClientCertificates = certificate is null ? null : [certificate],
                },
                Stop);
            await tls.WriteAsync(new byte[64], Stop);
            return await ReadToEnd(tls) == 0;
        }
        catch (Exception exception) when (exception is IOException or System.Security.Authentication.AuthenticationException)
        {
            return true;
        }
    }

    private static async Task<int> ReadToEnd(Stream stream)
    {
        try
        {
            return await stream.ReadAsync(new byte[1024], Stop);
        }
        catch (IOException)
        {
            return 0;
        }
    }
}
