using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Granary.Server.Configuration;
using Granary.Server.Identity;
using Granary.Server.Tls;
using Microsoft.Extensions.Logging.Abstractions;

namespace Granary.Fuzz.Tests;

/// <summary>Files of certificates, keys and lists that are not what they should be: used, or refused by the one exception that says so.</summary>
public sealed class CertificateTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("granary-fuzz-tls-").FullName;
    private readonly Authority _authority;
    private readonly TlsOptions _options;

    public CertificateTests()
    {
        _authority = new Authority(_directory, "authority");
        var server = _authority.Issue("server");
        _options = new TlsOptions
        {
            CertificateFile = server.CertificateFile,
            KeyFile = server.KeyFile,
            TrustedCaFile = _authority.CertificateFile,
            ClientCrlFile = _authority.Revoke(server.CertificateFile, _authority.Issue("other").CertificateFile),
        };
    }

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public Task Files_of_a_server()
    {
        var seeds = new[] { _options.CertificateFile!, _options.KeyFile!, _options.TrustedCaFile!, _options.ClientCrlFile! }.ToDictionary(file => file, File.ReadAllBytes);
        return FuzzRun.Try(
            "files of a server's certificates",
            mutator =>
            {
                var file = mutator.Of(seeds.Keys.ToList());
                return new FuzzInput(Path.GetFileName(file), MutatePem(mutator, seeds[mutator.OneIn(5) ? mutator.Of(seeds.Keys.ToList()) : file]));
            },
            input =>
            {
                var file = Path.Combine(_directory, input.To);
                File.WriteAllBytes(file, input.Bytes);
                try
                {
                    new ServerTls(_options, TimeProvider.System, NullLogger<ServerTls>.Instance).ForHandshake();
                }
                catch (SettingsException exception)
                {
                    // Which file it is that does not fit the other cannot be told.
                    Assert.Contains(_directory, exception.Message, StringComparison.Ordinal);
                }
                finally
                {
                    File.WriteAllBytes(file, seeds[file]);
                }
            });
    }

    [Fact]
    public Task Revocation_lists()
    {
        var pem = File.ReadAllBytes(_options.ClientCrlFile!);
        var der = Decoded(pem).Der;
        var file = Path.Combine(_directory, "fuzzed.crl");
        return FuzzRun.Try(
            "revocation lists",
            mutator => new FuzzInput("ReadSerialNumbers", mutator.OneIn(2) ? mutator.Mutate(der) : MutatePem(mutator, pem)),
            input =>
            {
                File.WriteAllBytes(file, input.Bytes);
                try
                {
                    RevocationList.ReadSerialNumbers(file);
                }
                catch (CryptographicException)
                {
                    // It is none.
                }
            });
    }

    /// <summary>Who shows a certificate that the authority has not signed stays out, whatever is in it.</summary>
    [Fact]
    public Task Certificates_of_clients()
    {
        using var good = X509CertificateLoader.LoadCertificateFromFile(_authority.Issue("ann").CertificateFile);
        var clients = new ClientCertificates(_options, CertificateFiles.Read(_options), NullLogger.Instance);
        return FuzzRun.Try(
            "certificates of clients",
            mutator => new FuzzInput("MayComeIn", mutator.OneIn(20) ? good.RawData : mutator.Mutate(good.RawData)),
            input =>
            {
                X509Certificate2 certificate;
                try
                {
                    certificate = X509CertificateLoader.LoadCertificate(input.Bytes);
                }
                catch (CryptographicException)
                {
                    // The handshake ends before anybody is asked.
                    return;
                }

                using (certificate)
                using (var chain = new X509Chain { ChainPolicy = clients.Policy.Clone() })
                {
                    try
                    {
                        chain.Build(certificate);
                    }
                    catch (CryptographicException)
                    {
                        // So ends the handshake.
                        return;
                    }

                    if (clients.MayComeIn(certificate, chain))
                    {
                        Assert.Equal(good.Subject, certificate.Subject);
                        Assert.Equal(good.GetPublicKeyString(), certificate.GetPublicKeyString());
                        Assert.Equal("ann", ClientCertificates.CommonName(certificate));
                    }
                    else
                    {
                        Assert.False(input.Bytes.AsSpan().SequenceEqual(good.RawData), "the good one is kept out");
                    }
                }
            });
    }

    [Theory]
    [InlineData("ES256")]
    [InlineData("RS256")]
    public Task Keys_of_tokens(string method)
    {
        using AsymmetricAlgorithm key = method[0] == 'E' ? ECDsa.Create(ECCurve.NamedCurves.nistP256) : RSA.Create(2048);
        using var explicitCurve = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        byte[][] seeds =
        [
            .. ((string[])
            [
                key.ExportPkcs8PrivateKeyPem(), key.ExportSubjectPublicKeyInfoPem(), File.ReadAllText(_options.CertificateFile!),
                key is RSA rsa ? rsa.ExportRSAPrivateKeyPem() : ((ECDsa)key).ExportECPrivateKeyPem(), WithExplicitCurve(),
            ]).Select(Encoding.ASCII.GetBytes),
        ];
        var file = Path.Combine(_directory, "fuzzed.key");
        return FuzzRun.Try(
            $"keys of tokens of {method}",
            mutator => new FuzzInput(mutator.OneIn(2) ? "public" : "private", mutator.OneIn(20) ? mutator.Of(seeds) : MutatePem(mutator, mutator.Of(seeds))),
            input =>
            {
                File.WriteAllBytes(file, input.Bytes);
                try
                {
                    _ = new JwtTokens(new JwtOptions(method, input.To == "public" ? file : null, input.To == "private" ? file : null, TimeSpan.FromMinutes(1)), TimeProvider.System);
                }
                catch (SettingsException)
                {
                    // It cannot be used.
                }
            });
    }

    /// <summary>A key whose curve is written out in numbers, as old commands of OpenSSL do.</summary>
    private static string WithExplicitCurve()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var written = ECDsa.Create(key.ExportExplicitParameters(includePrivateParameters: true));
        return written.ExportPkcs8PrivateKeyPem();
    }

    // In the text, or in what the text encodes: there a change is less likely to be found at once.
    private static byte[] MutatePem(Mutator mutator, byte[] pem)
    {
        if (mutator.OneIn(2))
        {
            return mutator.Mutate(pem);
        }

        var (label, der) = Decoded(pem);
        return Encoding.ASCII.GetBytes(PemEncoding.WriteString(label, mutator.Mutate(der)));
    }

    private static (string Label, byte[] Der) Decoded(byte[] pem)
    {
        var text = Encoding.ASCII.GetString(pem);
        var fields = PemEncoding.Find(text);
        return (text[fields.Label], Convert.FromBase64String(text[fields.Base64Data]));
    }
}
