using dotnet_etcd;
using Grpc.Core;

namespace Granary.Conformance.Tests.Users;

/// <summary>Clients as they are, with passwords and tokens: dotnet-etcd by gRPC, Debian's python3-etcd3gw by the gateway.</summary>
public sealed class ClientAuthTests(AuthPair pair) : AuthTest(pair), IClassFixture<AuthPair>
{
    // etcd3gw knows nothing of users: its session carries the header, as its users have it do.
    private const string Session = """
        import json, sys, threading
        from etcd3gw.client import Etcd3Client

        host, port = sys.argv[1].split(':')
        client = Etcd3Client(host=host, port=int(port), timeout=60, api_path='/v3/')

        def told(what, work):
            try:
                print(what, work())
            except Exception as error:
                print(what, type(error).__name__, json.loads(error.detail_text)['message'])

        told('without', lambda: client.get('mine/a'))
        token = client.post(client.get_url('/auth/authenticate'), json={'name': 'ann', 'password': 'a'})['token']
        print('token', len(token.split('.')[0]))
        client.session.headers['Authorization'] = token
        told('put', lambda: client.put('mine/a', 'one'))
        told('get', lambda: client.get('mine/a'))
        told('others', lambda: client.get('yours'))
        told('put others', lambda: client.put('yours', 'x'))
        told('prefix', lambda: [value for value, _ in client.get_prefix('mine/')])
        told('all', lambda: client.get_all())
        told('lease', lambda: client.lease(ttl=100).revoke())
        events, cancel = client.watch('mine/a')
        threading.Thread(target=lambda: client.put('mine/a', 'two')).start()
        print('watched', next(events)['kv']['value'])
        cancel()
        client.session.headers['Authorization'] = 'forged.1'
        told('forged', lambda: client.get('mine/a'))
        told('log in wrongly', lambda: client.post(client.get_url('/auth/authenticate'), json={'name': 'ann', 'password': 'b'}))
        """;

    [Fact]
    public async Task Dotnet_etcd_logs_in_and_is_held_to_its_rights()
    {
        await SetUp();
        foreach (var server in (Server[])[Pair.Etcd, Pair.Subject])
        {
            using var client = new EtcdClient(server.Address, configureChannelOptions: options => options.Credentials = ChannelCredentials.Insecure);
            var answer = await client.AuthenticateAsync(
                new Etcdserverpb.AuthenticateRequest { Name = "ann", Password = "a" }, cancellationToken: Cancellation);
            var headers = new Metadata { { "token", answer.Token } };
            await client.PutAsync("mine/dotnet", "1", headers, cancellationToken: Cancellation);
            Assert.Equal("1", await client.GetValAsync("mine/dotnet", headers, cancellationToken: Cancellation));
            var denied = await Assert.ThrowsAsync<RpcException>(() => client.PutAsync("yours", "1", headers, cancellationToken: Cancellation));
            Assert.Equal((StatusCode.PermissionDenied, "etcdserver: permission denied"), (denied.StatusCode, denied.Status.Detail));
            var nobody = await Assert.ThrowsAsync<RpcException>(() => client.GetValAsync("mine/dotnet", cancellationToken: Cancellation));
            Assert.Equal("etcdserver: user name is empty", nobody.Status.Detail);
            var root = new Metadata
            {
                { "token", (await client.AuthenticateAsync(new Etcdserverpb.AuthenticateRequest { Name = "root", Password = AuthPair.RootPassword }, cancellationToken: Cancellation)).Token },
            };
            Assert.Equal(["ann", "root"], (await client.UserListAsync(new Etcdserverpb.AuthUserListRequest(), root, cancellationToken: Cancellation)).Users);
        }
    }

    [Fact]
    public async Task A_session_of_etcd3gw_with_a_token_goes_alike()
    {
        await SetUp();
        var python = await Repository.Tool("get-etcd3gw", Cancellation);
        var etcd = await Etcd3gwTests.Run(python, Pair.Etcd, Session);
        Assert.Contains("watched", etcd, StringComparison.Ordinal);
        Assert.Equal(etcd, await Etcd3gwTests.Run(python, Pair.Subject, Session));
    }

    private async Task SetUp()
    {
        await Enable();
        await Root(
            AddUser("ann", "a"), AddRole("mine"), GrantRole("ann", "mine"), Grant("mine", Permission.Types.Type.Readwrite, "mine/", "mine0"));
    }
}
