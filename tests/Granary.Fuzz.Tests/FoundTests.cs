using System.Security.Cryptography;
using Granary.Server.Configuration;
using Granary.Server.Facade;
using Granary.Server.Gateway;
using Granary.Server.Http;
using Granary.Server.Identity;
using Granary.Server.Tls;
using Grpc.Core;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging.Abstractions;

namespace Granary.Fuzz.Tests;

/// <summary>What the targets have found, each with its input.</summary>
public sealed class FoundTests(FuzzedServer server) : IClassFixture<FuzzedServer>, IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("granary-found-").FullName;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public void A_key_whose_curve_is_written_out_in_numbers_is_refused_in_words()
    {
        using var named = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var key = ECDsa.Create(named.ExportExplicitParameters(includePrivateParameters: true));
        Refused("ES256", key.ExportPkcs8PrivateKeyPem());
    }

    [Fact]
    public void A_key_on_a_curve_that_the_platform_lacks_is_refused_in_words()
    {
        var pem = OnUnknownCurve();
        Refused("ES256", pem);

        var authority = new Authority(_directory, "authority");
        var (certificate, key) = authority.Issue("server");
        File.WriteAllText(key, pem);
        Assert.Throws<SettingsException>(() => CertificateFiles.Read(new TlsOptions { CertificateFile = certificate, KeyFile = key }));
    }

    // Behind a frame that is good: one that begins with no flag, one whose bytes are no message.
    [Theory]
    [InlineData("/etcdserverpb.Lease/LeaseKeepAlive", "0000000000744F79155A6951F285774074386235B3")]
    [InlineData("/etcdserverpb.Lease/LeaseKeepAlive", "00000000000000000003FFFFFF")]
    [InlineData("/etcdserverpb.Watch/Watch", "0000000000744F79155A6951F285774074386235B3")]
    [InlineData("/etcdserverpb.Watch/Watch", "00000000000000000003FFFFFF")]
    [InlineData("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", "00000000023A000000000003FFFFFF")]
    public async Task A_stream_that_ends_in_bytes_that_are_no_message_is_told_so_and_no_fault_is_logged(string path, string frames)
    {
        using var client = Channels.RawHttp2(server.Server.Address);
        var status = await RawGrpc.Call(client, path, Convert.FromHexString(frames), Stop).WaitAsync(FuzzedServer.Deadline, Stop);
        Assert.Equal(StatusCode.Internal, status.StatusCode);
        CallOracle.MustBeMapped(status.StatusCode, status.Detail, waits: false);
        await server.MustBeWell();
    }

    /// <summary>Clients that begin calls and reset them at once kept all others waiting until each of these had been served.</summary>
    [Fact]
    public async Task A_call_that_was_left_before_it_began_is_not_begun()
    {
        var begun = false;
        var front = new HttpFront(
            _ =>
            {
                begun = true;
                return Task.CompletedTask;
            },
            static _ => Task.CompletedTask, null!, new GatewayRoutes(EtcdServices.All), new ServerOptions(), NullLoggerFactory.Instance);
        foreach (var isLeft in (bool[])[true, false])
        {
            var context = new DefaultHttpContext { RequestAborted = new CancellationToken(isLeft) };
            context.Request.ContentType = "application/grpc";
            await front.Serve(context);
            Assert.Equal(!isLeft, begun);
        }
    }

    private void Refused(string method, string pem)
    {
        var file = Path.Combine(_directory, "key");
        File.WriteAllText(file, pem);
        Assert.Throws<SettingsException>(() => JwtKeys.Read(new JwtOptions(method, null, file, TimeSpan.FromMinutes(1))));
    }

    private static string OnUnknownCurve()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var encoded = key.ExportPkcs8PrivateKey();

        // The last number of the curve's name, 1.2.840.10045.3.1.7.
        byte[] name = [0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
        encoded[encoded.AsSpan().IndexOf(name) + name.Length - 1]++;
        return PemEncoding.WriteString("PRIVATE KEY", encoded);
    }
}
