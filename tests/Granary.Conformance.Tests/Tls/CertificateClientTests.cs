using dotnet_etcd;
using Grpc.Core;

namespace Granary.Conformance.Tests.Tls;

/// <summary>Clients as they are, with a certificate that is their user and with a password over TLS: npm's etcd3, dotnet-etcd, etcd3gw.</summary>
public sealed class CertificateClientTests : IDisposable
{
    // What the three may do is the same: ann has mine/.
    private static readonly string[] SetUp =
    [
        "user add root:r", "role add root", "user grant-role root root", "user add ann:a", "role add mine", "role grant-permission mine readwrite mine/ mine0",
        "user grant-role ann mine", "auth enable",
    ];

    private const string Npm = """
        const fs = require('fs');
        const { Etcd3 } = require('etcd3');
        const [url, ca, cert, key, password] = process.argv.slice(1);
        const options = {
          hosts: url,
          credentials: { rootCertificate: fs.readFileSync(ca), certChain: fs.readFileSync(cert), privateKey: fs.readFileSync(key) },
        };
        if (password) options.auth = { username: 'ann', password };
        const client = new Etcd3(options);
        const told = async (what, work) => {
          try { console.log(what, JSON.stringify(await work())); } catch (error) { console.log(what, error.constructor.name, error.message); }
        };
        (async () => {
          await told('put', async () => (await client.put('mine/a').value('one')).prev_kv);
          await told('get', () => client.get('mine/a').string());
          await told('others', () => client.get('yours').string());
          await told('put others', () => client.put('yours').value('x'));
          await told('prefix', () => client.getAll().prefix('mine/').strings());
          await told('all', () => client.getAll().strings());
          await told('txn', async () => (await client.if('mine/a', 'Value', '==', 'one').then(client.put('mine/b').value('two')).else(client.get('mine/a')).commit()).succeeded);
          const watcher = await client.watch().prefix('mine/').create();
          const seen = new Promise(resolve => watcher.on('put', pair => resolve([pair.key.toString(), pair.value.toString()])));
          await told('watched put', async () => (await client.put('mine/w').value('three')).prev_kv);
          await told('watched', () => seen);
          await watcher.cancel();
          const lease = client.lease(60);
          await told('leased', async () => (await lease.put('mine/leased').value('x')).prev_kv);
          await told('revoked', () => lease.revoke());
          await told('gone', () => client.get('mine/leased').string());
          await told('lock', () => client.lock('mine/lock').ttl(60).do(async () => 'held'));
          await told('deleted', async () => (await client.delete().prefix('mine/')).deleted);
          client.close();

          // A timer of its leases may outlive them.
          process.exit(0);
        })();
        """;

    private const string Etcd3gw = """
        import json, sys
        from etcd3gw.client import Etcd3Client

        host, port = sys.argv[1].split(':')
        ca, cert, key = sys.argv[2:5]
        client = Etcd3Client(host=host, port=int(port), protocol='https', ca_cert=ca, cert_cert=cert, cert_key=key, timeout=60, api_path='/v3/')

        # The machine may name authorities of its own, which come before those of the session.
        client.session.trust_env = False

        def told(what, work):
            try:
                print(what, work())
            except Exception as error:
                print(what, type(error).__name__, json.loads(error.detail_text)['message'])

        told('without', lambda: client.get('mine/a'))
        client.session.headers['Authorization'] = client.post(client.get_url('/auth/authenticate'), json={'name': 'ann', 'password': 'a'})['token']
        told('put', lambda: client.put('mine/a', 'one'))
        told('get', lambda: client.get('mine/a'))
        told('others', lambda: client.get('yours'))
        told('delete', lambda: client.delete('mine/a'))
        """;

    private readonly string _directory = Directory.CreateTempSubdirectory("granary-certificates-").FullName;
    private readonly Authority _authority;
    private readonly (string CertificateFile, string KeyFile) _ann;

    public CertificateClientTests()
    {
        _authority = new Authority(_directory, "authority");
        _ann = _authority.Issue("ann");
    }

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Theory]
    [InlineData("")]
    [InlineData("a")]
    public async Task Npms_etcd3_goes_alike_as_the_user_of_its_certificate_and_of_its_password(string password)
    {
        var modules = await Repository.Tool("get-npm-etcd3", Stop);
        string[] client = ["-e", Npm, "ADDRESS", _authority.CertificateFile, _ann.CertificateFile, _ann.KeyFile, password];
        await Alike(
            address => Tool.Start("node", [.. client.Select(argument => argument == "ADDRESS" ? address : argument)], ("NODE_PATH", modules)),
            "watched [\"mine/w\",\"three\"]",
            isCertificateAsked: password.Length == 0);
    }

    [Fact]
    public async Task Etcd3gw_goes_alike_with_a_token_over_tls()
    {
        var python = await Repository.Tool("get-etcd3gw", Stop);

        // The gateway takes no user from a certificate: it must be one without a name.
        var unnamed = _authority.Issue("");
        await Alike(
            address => Tool.Start(python, ["-c", Etcd3gw, new Uri(address).Authority, _authority.CertificateFile, unnamed.CertificateFile, unnamed.KeyFile]),
            "get [b'one']",
            isCertificateAsked: true);
    }

    [Fact]
    public async Task Dotnet_etcd_is_the_user_of_its_certificate()
    {
        foreach (var product in (Product[])[Product.Etcd, Subject.Product])
        {
            var (server, address) = await Start(product, isCertificateAsked: true);
            await using (server)
            {
                // Its own switch between plain and secure is by the credentials: the certificates are the handler's.
                using var client = new EtcdClient(address, configureSslOptions: tls =>
                {
                    var own = Secured.Client(_authority, _ann);
                    (tls.CertificateChainPolicy, tls.ClientCertificateContext) = (own.CertificateChainPolicy, own.ClientCertificateContext);
                });
                await client.PutAsync("mine/dotnet", "1", cancellationToken: Stop);
                Assert.Equal("1", await client.GetValAsync("mine/dotnet", cancellationToken: Stop));
                var denied = await Assert.ThrowsAsync<RpcException>(() => client.PutAsync("yours", "1", cancellationToken: Stop));
                Assert.Equal((StatusCode.PermissionDenied, "etcdserver: permission denied"), (denied.StatusCode, denied.Status.Detail));
            }
        }
    }

    /// <summary>Runs the same client against both; what it says must be the same, and have these words.</summary>
    private async Task Alike(Func<string, System.Diagnostics.Process> start, string words, bool isCertificateAsked)
    {
        var said = new List<string>();
        foreach (var product in (Product[])[Product.Etcd, Subject.Product])
        {
            var (server, address) = await Start(product, isCertificateAsked);
            await using (server)
            {
                using var deadline = CancellationTokenSource.CreateLinkedTokenSource(Stop);
                deadline.CancelAfter(TimeSpan.FromSeconds(60));
                var run = await Tool.End(start(address), deadline.Token);
                Assert.True(run.ExitCode == 0, $"{product}: {run.All}");
                said.Add(run.Output);
            }
        }

        Assert.Contains(words, said[0], StringComparison.Ordinal);
        Assert.Equal(said[0], said[1]);
    }

    /// <summary>A server on which ann has mine/, and authentication is on.</summary>
    private async Task<(Server Server, string Address)> Start(Product product, bool isCertificateAsked)
    {
        var (server, address) = await Secured.Start(
            product,
            _authority,
            [.. isCertificateAsked ? (string[])["--client-cert-auth", "--trusted-ca-file", _authority.CertificateFile] : [], "--bcrypt-cost=4"]);
        foreach (var command in SetUp)
        {
            var run = await Secured.Etcdctl(address, _authority, _ann, command.Split(' '));
            Assert.True(run.ExitCode == 0, $"{product}: {command}: {run.All}");
        }

        return (server, address);
    }
}
