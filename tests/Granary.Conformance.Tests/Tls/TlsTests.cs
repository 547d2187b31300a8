using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using Grpc.Core;
using Grpc.Net.Client;

namespace Granary.Conformance.Tests.Tls;

/// <summary>Who gets in by TLS, beside etcd, and what a server does when its files change.</summary>
public sealed class TlsTests : IDisposable
{
    private static readonly TimeSpan Generous = TimeSpan.FromSeconds(30);

    private readonly string _directory = Directory.CreateTempSubdirectory("granary-tls-").FullName;
    private readonly Authority _authority;

    public TlsTests() => _authority = new Authority(_directory, "authority");

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public async Task Clients_are_let_in_or_kept_out_as_at_etcd_by_the_certificate_that_they_show()
    {
        var other = new Authority(Directory.CreateDirectory(Path.Combine(_directory, "other")).FullName, "other");
        var clients = new Dictionary<string, (string CertificateFile, string KeyFile)?>
        {
            ["good"] = _authority.Issue("good", host: "clients.example"),
            ["none"] = null,
            ["of another authority"] = other.Issue("other client", host: "clients.example"),
            ["expired"] = _authority.Issue("expired", host: "clients.example", isExpired: true),
            ["revoked"] = _authority.Issue("revoked", host: "clients.example"),
            ["for another host"] = _authority.Issue("elsewhere", host: "elsewhere.example"),
            ["for servers alone"] = _authority.Issue("server only", host: "clients.example", isForClients: false),
        };
        string[] flags =
        [
            "--client-cert-auth", "--trusted-ca-file", _authority.CertificateFile, "--client-cert-allowed-hostname", "clients.example",
            "--client-crl-file", _authority.Revoke(clients["revoked"]!.Value.CertificateFile),
        ];
        var answers = new List<string>();
        foreach (var product in (Product[])[Product.Etcd, Subject.Product])
        {
            var (server, address) = await Start(product, flags);
            await using (server)
            {
                foreach (var (name, client) in clients)
                {
                    answers.Add($"{name}: {(await GetsIn(address, client) ? "in" : "out")}");
                }
            }
        }

        Assert.Equal(answers.Take(clients.Count), answers.Skip(clients.Count));
        Assert.Equal(["good: in"], answers.Take(clients.Count).Where(answer => answer.EndsWith(": in", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task The_common_name_of_a_certificate_is_its_user_but_not_through_the_gateway()
    {
        var root = _authority.Issue("root");
        var ann = _authority.Issue("ann");
        var stranger = _authority.Issue("stranger");
        var answers = new List<string>();
        foreach (var product in (Product[])[Product.Etcd, Subject.Product])
        {
            var (server, address) = await Start(product, ["--client-cert-auth", "--trusted-ca-file", _authority.CertificateFile]);
            await using (server)
            {
                foreach (var command in (string[])
                    [
                        "put a 1", "put b 1", "user add root --no-password", "user add ann:a", "role add root", "user grant-role root root", "role add r",
                        "role grant-permission r read a", "user grant-role ann r", "auth enable",
                    ])
                {
                    Assert.Equal(0, (await Secured.Etcdctl(address, _authority, root, command.Split(' '))).ExitCode);
                }

                foreach (var (user, command) in ((string, string)[])
                    [
                        ("root", "get a"), ("ann", "get a"), ("ann", "put a 2"), ("ann", "get b"), ("stranger", "get a"), ("ann", "--user ann:a get a"),
                        ("stranger", "--user ann:a get a"), ("ann", "--user ann:wrong get a"), ("root", "user list"), ("ann", "user list"),
                    ])
                {
                    var run = await Secured.Etcdctl(address, _authority, user switch { "root" => root, "ann" => ann, _ => stranger }, command.Split(' '));
                    answers.Add($"{user} {command}: {run.Output}{run.Error.Split('\n').LastOrDefault(line => line.StartsWith("Error", StringComparison.Ordinal))}");
                }

                // etcd knows its gateway's calls by this header alone.
                using var http = Http(address, ann, HttpVersion.Version11);
                http.DefaultRequestHeaders.Accept.ParseAdd("*/*");
                var gateway = await http.PostAsync("/v3/kv/range", new StringContent("{\"key\":\"YQ==\"}"), Stop);
                answers.Add($"gateway: {(int)gateway.StatusCode} {await gateway.Content.ReadAsStringAsync(Stop)}");
            }
        }

        Assert.Equal(answers.Take(answers.Count / 2), answers.Skip(answers.Count / 2));
    }

    [Fact]
    public async Task New_files_are_used_from_the_next_connection_on_and_broken_ones_never()
    {
        var live = Directory.CreateDirectory(Path.Combine(_directory, "live")).FullName;
        var link = Path.Combine(live, "current");
        await Put("first", _authority.Issue("first"));
        var (server, address) = await Start(
            Product.Granary, [], (Path.Combine(link, "cert.pem"), Path.Combine(link, "key.pem")));
        await using var running = server;
        using var channel = Channel(address, null);
        var kv = new KV.KVClient(channel);
        using var watch = new Watch.WatchClient(channel).Watch(cancellationToken: Stop);
        await watch.RequestStream.WriteAsync(new WatchRequest { CreateRequest = new WatchCreateRequest { Key = Requests.Bytes("a") } }, Stop);
        Assert.True(await watch.ResponseStream.MoveNext(Stop));
        Assert.Equal("CN=first", await Shown(address));

        // As Kubernetes does: the link to a directory of files is exchanged.
        await Put("second", _authority.Issue("second"));
        await Eventually.Holds("the new certificate is shown", async () => await Shown(address) == "CN=second", Generous, Stop);

        await File.WriteAllTextAsync(Path.Combine(link, "cert.pem"), "no certificate", Stop);
        await Eventually.Holds(
            "the server says that it cannot be used",
            async () =>
            {
                Assert.Equal("CN=second", await Shown(address));
                return server.Log.Contains("cannot be used; those from before stay", StringComparison.Ordinal);
            },
            Generous,
            Stop);

        await Put("third", _authority.Issue("third"));
        await Eventually.Holds("the third certificate is shown", async () => await Shown(address) == "CN=third", Generous, Stop);
        await kv.PutAsync(Requests.Put("a"), cancellationToken: Stop);
        Assert.True(await watch.ResponseStream.MoveNext(Stop));
        Assert.Single(watch.ResponseStream.Current.Events);

        async Task Put(string name, (string CertificateFile, string KeyFile) issued)
        {
            var directory = Directory.CreateDirectory(Path.Combine(live, name)).FullName;
            File.Copy(issued.CertificateFile, Path.Combine(directory, "cert.pem"));
            File.Copy(issued.KeyFile, Path.Combine(directory, "key.pem"));
            File.CreateSymbolicLink($"{link}.new", directory);
            Assert.Equal(0, (await Tool.End(Tool.Start("mv", ["-T", $"{link}.new", link]), Stop)).ExitCode);
        }
    }

    [Fact]
    public async Task One_secure_port_speaks_grpc_http_1_and_http_2_beside_a_plain_one()
    {
        var plain = $"http://127.0.0.1:{LoopbackPorts.Take()}";
        var metrics = $"http://127.0.0.1:{LoopbackPorts.Take()}";
        var (server, address) = await Start(Product.Granary, ["--listen-metrics-urls", metrics], also: plain);
        await using var running = server;
        using (var channel = Channel(address, null))
        {
            await new KV.KVClient(channel).PutAsync(Requests.Put("a"), cancellationToken: Stop);
        }

        foreach (var version in (Version[])[HttpVersion.Version11, HttpVersion.Version20])
        {
            using var http = Http(address, null, version);
            var answer = await http.GetAsync("/health", Stop);
            Assert.Equal((version, HttpStatusCode.OK), (answer.Version, answer.StatusCode));
        }

        using var other = new HttpClient();
        Assert.Contains("true", await other.GetStringAsync($"{plain}/health", Stop), StringComparison.Ordinal);
        Assert.Contains("granary", await other.GetStringAsync($"{metrics}/metrics", Stop), StringComparison.Ordinal);
        using var unsecured = Channels.To(plain);
        Assert.Equal(1, (await new KV.KVClient(unsecured).RangeAsync(Requests.Range("a"), cancellationToken: Stop)).Count);
    }

    [Theory]
    [InlineData("TLS1.2", "TLS1.2", SslProtocols.Tls12, true)]
    [InlineData("TLS1.2", "TLS1.2", SslProtocols.Tls13, false)]
    [InlineData("TLS1.3", "TLS1.3", SslProtocols.Tls12, false)]
    [InlineData("TLS1.3", "TLS1.3", SslProtocols.Tls13, true)]
    [InlineData("TLS1.2", "TLS1.3", SslProtocols.Tls13, true)]
    public async Task Only_the_versions_that_are_set_are_spoken(string least, string most, SslProtocols spoken, bool isIn)
    {
        var (server, address) = await Start(Subject.Product, ["--tls-min-version", least, "--tls-max-version", most]);
        await using var running = server;
        if (isIn)
        {
            Assert.Equal(spoken, (await Handshake(address, spoken)).SslProtocol);
        }
        else
        {
            await Assert.ThrowsAnyAsync<Exception>(() => Handshake(address, spoken));
        }
    }

    [Fact]
    public async Task Only_the_suites_that_are_set_are_used()
    {
        var (server, address) = await Start(
            Subject.Product, ["--cipher-suites", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "--tls-max-version", "TLS1.2"]);
        await using var running = server;
        Assert.Equal(TlsCipherSuite.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, (await Handshake(address, SslProtocols.Tls12)).NegotiatedCipherSuite);
    }

    [Fact]
    public async Task A_server_makes_itself_a_certificate_and_keeps_it()
    {
        var address = $"https://127.0.0.1:{LoopbackPorts.Take()}";
        await using var server = await Server.Start(
            Product.Granary, Stop, "--auto-tls", "--listen-client-urls", address, "--advertise-client-urls", address);
        var certificates = Path.Combine(server.DataDirectory, "certificates");
        var own = Secured.Trust(Path.Combine(certificates, "cert.pem"));
        using var first = await Handshake(address, SslProtocols.None, own);
        var shown = first.RemoteCertificate!.GetCertHashString();
        if (!OperatingSystem.IsWindows())
        {
            foreach (var file in Directory.GetFiles(certificates))
            {
                Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file));
            }
        }

        await server.Stop(Stop);
        await server.StartAgain(Stop);
        using var second = await Handshake(address, SslProtocols.None, own);
        Assert.Equal(shown, second.RemoteCertificate!.GetCertHashString());
    }

    [Theory]
    [InlineData("without a certificate", "https://127.0.0.1:1")]
    [InlineData("belong together", "http://127.0.0.1:1", "--cert-file=x")]
    [InlineData("x.pem cannot be used", "https://127.0.0.1:1", "--cert-file=x.pem", "--key-file=x.pem")]
    [InlineData("--trusted-ca-file", "https://127.0.0.1:1", "--auto-tls", "--client-cert-auth")]
    [InlineData("older than", "https://127.0.0.1:1", "--auto-tls", "--tls-min-version=TLS1.3", "--tls-max-version=TLS1.2")]
    [InlineData("TLS1.1", "https://127.0.0.1:1", "--auto-tls", "--tls-min-version=TLS1.1")]
    [InlineData("unexpected TLS cipher suite", "https://127.0.0.1:1", "--auto-tls", "--cipher-suites=TLS_NONE")]
    public async Task What_cannot_be_secured_does_not_start(string said, string url, params string[] flags)
    {
        await using var server = Server.NotStarted(Product.Granary, ["--listen-client-urls", url, "--advertise-client-urls", url, .. flags]);
        var refusal = await server.StartExpectingRefusal(Stop);
        Assert.Equal(1, refusal.ExitCode);
        Assert.Contains(said, refusal.Said, StringComparison.Ordinal);
    }

    private Task<(Server Server, string Address)> Start(
        Product product, string[] flags, (string CertificateFile, string KeyFile)? shown = null, string? also = null) =>
        Secured.Start(product, _authority, flags, shown, also);

    private async Task<bool> GetsIn(string address, (string CertificateFile, string KeyFile)? client)
    {
        using var channel = Channel(address, client);
        try
        {
            await new KV.KVClient(channel).RangeAsync(Requests.Range("a"), deadline: DateTime.UtcNow.AddSeconds(10), cancellationToken: Stop);
            return true;
        }
        catch (RpcException exception) when (exception.StatusCode is StatusCode.Unavailable or StatusCode.Internal)
        {
            return false;
        }
    }

    private GrpcChannel Channel(string address, (string CertificateFile, string KeyFile)? client) =>
        GrpcChannel.ForAddress(address, new GrpcChannelOptions { HttpHandler = Handler(client), DisposeHttpClient = true });

    private HttpClient Http(string address, (string CertificateFile, string KeyFile)? client, Version version) => new(Handler(client))
    {
        BaseAddress = new Uri(address),
        DefaultRequestVersion = version,
        DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact,
    };

    private SocketsHttpHandler Handler((string CertificateFile, string KeyFile)? client) =>
        new() { UseProxy = false, SslOptions = Secured.Client(_authority, client) };

    private async Task<string> Shown(string address)
    {
        using var stream = await Handshake(address, SslProtocols.None);
        return stream.RemoteCertificate!.Subject;
    }

    private Task<SslStream> Handshake(string address, SslProtocols protocols) => Handshake(address, protocols, Secured.Trust(_authority.CertificateFile));

    private static async Task<SslStream> Handshake(string address, SslProtocols protocols, X509ChainPolicy trust)
    {
        var url = new Uri(address);
        var client = new TcpClient();
        await client.ConnectAsync(url.Host, url.Port, Stop);
        var stream = new SslStream(client.GetStream());
        await stream.AuthenticateAsClientAsync(
            new SslClientAuthenticationOptions
            {
                TargetHost = url.Host,
                EnabledSslProtocols = protocols,
                CertificateChainPolicy = trust,
            },
            Stop);
        return stream;
    }
}
