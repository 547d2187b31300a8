using System.Security.Cryptography.X509Certificates;
using Granary.Protos;
using Grpc.Core;

namespace Granary.Client.Tests;

/// <summary>A client calls as a user, by password or by certificate.</summary>
public sealed class SecurityTests(BothServers servers) : ClientTest(servers)
{
    [Theory]
    [InlineData(Product.Etcd)]
    [InlineData(Product.Granary)]
    public async Task Who_has_a_password_is_logged_in_and_again_after_a_restart(Product product)
    {
        await using var server = await Server.Start(product, Stop);
        await DemandUsers(server);
        await using var client = To(server, "root", "secret");
        await client.PutAsync("a", "1", cancellationToken: Stop);
        await using var lease = await client.GrantLeaseAsync(TimeSpan.FromSeconds(30), Stop);
        await using var updates = client.WatchAsync("a", new WatchOptions { ReportProgress = true }, Stop).GetAsyncEnumerator(Stop);
        Assert.True(await updates.MoveNextAsync());

        // Tokens are forgotten.
        await server.Kill(Stop);
        await server.StartAgain(Stop);
        await client.PutAsync("a", "2", cancellationToken: Stop);
        do
        {
            Assert.True(await updates.MoveNextAsync());
        }
        while (updates.Current.Events.Count == 0);

        Assert.Equal("2", updates.Current.Events[0].Value.ToString());
        Assert.NotNull(await client.GetLeaseAsync(lease.Id, cancellationToken: Stop));

        await using var wrong = To(server, "root", "wrong");
        var refused = await Assert.ThrowsAsync<GranaryException>(() => wrong.GetAsync("a", Stop));
        Assert.Equal("etcdserver: authentication failed, invalid user ID or password", refused.Message);

        await using var other = To(server, "other", "other");
        var denied = await Assert.ThrowsAsync<GranaryException>(() => other.PutAsync("a", "3", cancellationToken: Stop));
        Assert.Equal((StatusCode.PermissionDenied, false), (denied.StatusCode, denied.MayHaveHappened));
        var unwatched = await Assert.ThrowsAsync<GranaryException>(async () =>
        {
            await foreach (var update in other.WatchAsync("a", cancellationToken: Stop))
            {
                Assert.Fail($"It is told {update}.");
            }
        });
        Assert.Equal(StatusCode.PermissionDenied, unwatched.StatusCode);
    }

    [Theory]
    [InlineData(Product.Etcd)]
    [InlineData(Product.Granary)]
    public async Task A_password_is_no_hindrance_where_nobody_is_asked_and_counts_once_they_are(Product product)
    {
        await using var server = await Server.Start(product, Stop);
        await using var client = To(server, "root", "secret");
        await client.PutAsync("a", "1", cancellationToken: Stop);
        await DemandUsers(server);
        await client.PutAsync("a", "2", cancellationToken: Stop);
    }

    [Theory]
    [InlineData(Product.Etcd)]
    [InlineData(Product.Granary)]
    public async Task Who_has_a_certificate_of_the_authority_is_let_in(Product product)
    {
        var directory = Directory.CreateTempSubdirectory("granary-client-").FullName;
        try
        {
            var authority = new Authority(directory, "authority");
            var (certificateFile, keyFile) = authority.Issue("server");
            var address = $"https://127.0.0.1:{LoopbackPorts.Take()}";
            await using var server = await Server.Start(
                product,
                Stop,
                "--listen-client-urls", address, "--advertise-client-urls", address, "--cert-file", certificateFile, "--key-file", keyFile,
                "--client-cert-auth", "--trusted-ca-file", authority.CertificateFile);

            await using var trusting = Client(shown: null);
            await Assert.ThrowsAsync<GranaryException>(() => trusting.PutAsync("a", "1", cancellationToken: Stop));

            var known = authority.Issue("known");
            using var certificate = X509Certificate2.CreateFromPemFile(known.CertificateFile, known.KeyFile);
            await using var client = Client(certificate);
            await client.PutAsync("a", "1", cancellationToken: Stop);
            Assert.NotNull(await client.GetAsync("a", Stop));

            GranaryClient Client(X509Certificate2? shown)
            {
                var options = new GranaryClientOptions { ClientCertificate = shown, CallTimeout = TimeSpan.FromSeconds(3) };
                options.Endpoints.Add(address);
                options.TrustedAuthorities.ImportFromPemFile(authority.CertificateFile);
                return new GranaryClient(options);
            }
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    private static async Task DemandUsers(Server server)
    {
        var auth = new Auth.AuthClient(server.Channel);
        await auth.RoleAddAsync(new AuthRoleAddRequest { Name = "root" }, cancellationToken: Stop);
        await auth.UserAddAsync(new AuthUserAddRequest { Name = "root", Password = "secret" }, cancellationToken: Stop);
        await auth.UserAddAsync(new AuthUserAddRequest { Name = "other", Password = "other" }, cancellationToken: Stop);
        await auth.UserGrantRoleAsync(new AuthUserGrantRoleRequest { User = "root", Role = "root" }, cancellationToken: Stop);
        await auth.AuthEnableAsync(new AuthEnableRequest(), cancellationToken: Stop);
    }
}
