using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Granary.Fuzz.Tests;

/// <summary>Handshakes of TLS that are none, or with certificates that nobody has signed: the connection ends, and the server goes on.</summary>
public sealed class HandshakeTests : IAsyncLifetime
{
    private const int BetweenLooks = 100;

    private readonly string _directory = Directory.CreateTempSubdirectory("granary-fuzz-handshake-").FullName;
    private readonly IPEndPoint _endpoint = new(IPAddress.Loopback, LoopbackPorts.Take());
    private readonly FuzzedServer _server = new();
    private readonly Authority _authority;
    private readonly X509ChainPolicy _trust = new() { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
    private int _connections;

    public HandshakeTests()
    {
        _authority = new Authority(_directory, "authority");
        _trust.CustomTrustStore.Add(X509CertificateLoader.LoadCertificateFromFile(_authority.CertificateFile));
    }

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        var (certificate, key) = _authority.Issue("server");
        var (plain, secure) = ($"http://127.0.0.1:{LoopbackPorts.Take()}", $"https://{_endpoint}");
        await _server.Start(
            "--listen-client-urls", $"{plain},{secure}", "--advertise-client-urls", plain, "--cert-file", certificate, "--key-file", key,
            "--client-cert-auth", "--trusted-ca-file", _authority.CertificateFile);
        _server.Reach(plain);
    }

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        Directory.Delete(_directory, recursive: true);
    }

    [Fact]
    public async Task Records()
    {
        var hello = await ClientHello();
        await FuzzRun.Try(
            "records of TLS",
            mutator => new FuzzInput(
                "a handshake",
                mutator.Below(8) switch
                {
                    0 => mutator.Bytes(mutator.Below(300)),
                    1 => [.. hello, .. mutator.Mutate(hello)],
                    2 => [.. hello, 20, 3, 3, 0, 1, 1, 23, 3, 3, 0, 40, .. mutator.Bytes(40)],
                    _ => mutator.Mutate(hello),
                }),
            async input =>
            {
                await Send(input.Bytes);
                await LookNowAndThen();
            });
        await _server.MustBeWell();
    }

    /// <summary>The client's key is its own and fits its certificate: only what the authority has signed lets it in.</summary>
    [Fact]
    public async Task Certificates()
    {
        var (certificateFile, keyFile) = _authority.Issue("ann");
        using var good = X509CertificateLoader.LoadCertificateFromFile(certificateFile);
        using var key = ECDsa.Create();
        key.ImportFromPem(await File.ReadAllTextAsync(keyFile, Stop));
        await FuzzRun.Try(
            "certificates in handshakes",
            mutator => new FuzzInput("a handshake", mutator.OneIn(20) ? good.RawData : mutator.Mutate(good.RawData)),
            async input =>
            {
                if (WithKey(input.Bytes, key) is { } certificate)
                {
                    using (certificate)
                    {
                        Assert.Equal(certificate.RawData.AsSpan().SequenceEqual(good.RawData), await GetsIn(certificate));
                    }

                    await LookNowAndThen();
                }
            });
        await _server.MustBeWell();
    }

    // It was logged as an error of the server's own, with its stack, and so is the certificate below.
    [Fact]
    public async Task A_first_message_that_is_no_hello_ends_the_connection_and_is_no_fault_of_the_server()
    {
        await Send([22, 3, 1, 0, 4, 5, 0, 0, 0]);
        await MustBeTold();
    }

    [Fact]
    public async Task A_certificate_whose_extension_cannot_be_read_keeps_its_client_out_and_is_no_fault_of_the_server()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=ann", key, HashAlgorithmName.SHA256);

        // Mappings of policies, which would be a sequence.
        request.CertificateExtensions.Add(new X509Extension("2.5.29.33", [0x80, 0], critical: false));
        using var certificate = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        Assert.False(await GetsIn(certificate));
        await MustBeTold();
    }

    private async Task MustBeTold()
    {
        await Eventually.Holds(
            "the log tells of the handshake in one line",
            () => Task.FromResult(_server.Server.Log.Contains("A handshake failed: ", StringComparison.Ordinal)),
            FuzzedServer.Deadline,
            Stop);
        await _server.MustBeWell();
    }

    private async Task LookNowAndThen()
    {
        if (++_connections % BetweenLooks == 1)
        {
            await _server.MustBeWell();
        }
    }

    private async Task Send(byte[] bytes)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(Stop);
        deadline.CancelAfter(FuzzedServer.Deadline);
        using var connection = await RawConnection.Connect(_endpoint, deadline.Token);
        var reading = connection.ReadToEnd(deadline.Token);
        await connection.SendAll(bytes, deadline.Token);
        await reading;
    }

    private static X509Certificate2? WithKey(byte[] encoded, ECDsa key)
    {
        try
        {
            using var certificate = X509CertificateLoader.LoadCertificate(encoded);
            return certificate.CopyWithPrivateKey(key);
        }
        catch (Exception exception) when (exception is CryptographicException or ArgumentException)
        {
            // No client could show it.
            return null;
        }
    }

    // In TLS 1.3 a client learns that it is refused when it reads.
    private async Task<bool> GetsIn(X509Certificate2 certificate)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(Stop);
        deadline.CancelAfter(FuzzedServer.Deadline);
        using var client = new TcpClient();
        await client.ConnectAsync(_endpoint, deadline.Token);
        await using var stream = new SslStream(client.GetStream());
        try
        {
            await stream.AuthenticateAsClientAsync(
                new SslClientAuthenticationOptions
                {
                    TargetHost = "127.0.0.1",
                    CertificateChainPolicy = _trust,
                    ClientCertificateContext = SslStreamCertificateContext.Create(certificate, null, offline: true),
                    ApplicationProtocols = [SslApplicationProtocol.Http11],
                },
                deadline.Token);
            await stream.WriteAsync("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"u8.ToArray(), deadline.Token);
            return await stream.ReadAsync(new byte[100], deadline.Token) > 0;
        }
        catch (Exception exception) when (exception is AuthenticationException or IOException)
        {
            return false;
        }
    }

    /// <summary>What a client says first.</summary>
    private static async Task<byte[]> ClientHello()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        using var client = new TcpClient();
        await client.ConnectAsync((IPEndPoint)listener.LocalEndpoint, Stop);
        using var accepted = await listener.AcceptTcpClientAsync(Stop);
        await using var stream = new SslStream(client.GetStream());
        var handshake = stream.AuthenticateAsClientAsync(
            new SslClientAuthenticationOptions { TargetHost = "localhost", ApplicationProtocols = [SslApplicationProtocol.Http2] }, Stop);
        var header = new byte[5];
        await accepted.GetStream().ReadExactlyAsync(header, Stop);
        var body = new byte[(header[3] << 8) | header[4]];
        await accepted.GetStream().ReadExactlyAsync(body, Stop);
        accepted.Close();
        await Assert.ThrowsAnyAsync<Exception>(() => handshake);
        return [.. header, .. body];
    }
}
