using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Google.Protobuf;
using Grpc.Core;
using Org.BouncyCastle.Crypto.Parameters;
using Org.BouncyCastle.Crypto.Signers;
using Org.BouncyCastle.Pkcs;
using Org.BouncyCastle.Security;
using Org.BouncyCastle.X509;
using static Granary.Conformance.Tests.Requests;
using static Granary.Protos.Permission.Types.Type;

namespace Granary.Conformance.Tests.Users;

/// <summary>JSON web tokens beside etcd: each takes the other's, and none takes what nobody with the key has signed.</summary>
public sealed class JwtTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("granary-jwt-").FullName;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Theory]
    [InlineData("RS256")]
    [InlineData("RS512")]
    [InlineData("PS384")]
    [InlineData("ES256")]
    [InlineData("ES384")]
    [InlineData("ES512")]
    [InlineData("HS256")]
    [InlineData("HS512")]
    public async Task Tokens_of_each_are_taken_by_the_other_until_a_right_changes(string method)
    {
        var (publicKey, privateKey) = Keys(method, "keys");
        var flags = Flags(method, publicKey, privateKey);
        await using var etcd = await Started(Product.Etcd, flags);
        await using var granary = await Started(Product.Granary, flags);
        var tokens = new[] { await Token(etcd, "ann"), await Token(granary, "ann") };
        await Same([.. tokens], Put("a"), Put("z"), Range("a"), new LeaseGrantRequest { ID = 1, TTL = 100 }, new AuthUserListRequest(), new AuthUserGetRequest { Name = "ann" });

        var root = new[] { await Token(etcd, "root"), await Token(granary, "root") };
        foreach (var server in (Server[])[etcd, granary])
        {
            Assert.NotNull((await Calls.Ask(server, new AuthRoleAddRequest { Name = "new" }, Stop, Headers(root[0]))).Message);
        }

        await Same(
            [.. tokens, .. root],
            Put("a"), Range("a"), Delete("a"), Txn(then: [Range("a")]), Txn(), new WatchCreateRequest { Key = Bytes("a") }, new LeaseGrantRequest { ID = 2, TTL = 100 },
            new MemberListRequest(), new AuthUserListRequest(), Compact(1), new LeaseTimeToLiveRequest { ID = 1, Keys = true }, new LeaseKeepAliveRequest { ID = 1 });

        async Task Same(string[] given, params IMessage[] requests)
        {
            foreach (var request in requests)
            {
                foreach (var token in given)
                {
                    var expected = await Calls.Ask(etcd, request, Stop, Headers(token));
                    var actual = await Calls.Ask(granary, request, Stop, Headers(token));
                    Assert.Equal($"{Rendering.Of(request)} by {token[..8]}: {expected}", $"{Rendering.Of(request)} by {token[..8]}: {actual}");
                }
            }
        }
    }

    [Theory]
    [InlineData("RS256")]
    [InlineData("ES256")]
    [InlineData("HS256")]
    [InlineData("EdDSA")]
    public async Task What_nobody_with_the_key_has_signed_for_now_is_refused(string method)
    {
        var (publicKey, privateKey) = Keys(method, "keys");
        var (_, otherKey) = Keys(method, "other");

        // etcd's manual has EdDSA, and etcd refuses it.
        await using var server = await Started(method == "EdDSA" ? Product.Granary : Subject.Product, Flags(method, publicKey, privateKey));
        var token = await Token(server, "ann");
        var parts = token.Split('.');
        var payload = Decoded(parts[1]);
        var (now, revision) = (DateTimeOffset.UtcNow.ToUnixTimeSeconds(), JsonDocument.Parse(payload).RootElement.GetProperty("revision").GetInt64());
        string Claims(string user, long expires) => $$"""{"username":"{{user}}","revision":{{revision}},"exp":{{expires}}}""";

        Assert.Null(await Error(Signed(method, privateKey, Claims("ann", now + 100))));
        foreach (var (what, forged) in ((string, string)[])
            [
                ("no token", "x"), ("dots", ".."), ("cut", token[..^2]), ("more", token + "A"), ("without signature", $"{parts[0]}.{parts[1]}."), ("two parts", $"{parts[0]}.{parts[1]}"),
                ("alg none", $"{Encoded("""{"alg":"none","typ":"JWT"}""")}.{parts[1]}."), ("alg None signed", $"{Encoded("""{"alg":"None"}""")}.{parts[1]}.{parts[2]}"),
                ("another user", $"{parts[0]}.{Encoded(payload.Replace("ann", "root", StringComparison.Ordinal))}.{parts[2]}"),
                ("another key", Signed(method, otherKey, Claims("root", now + 100))),
                ("the public key as a secret", Signed("HS256", publicKey, Claims("root", now + 100), alg: "HS256", refuseOwn: method == "HS256")),
                ("another method", Signed(method, privateKey, Claims("root", now + 100), alg: method[..2] + "384")),
                ("expired", Signed(method, privateKey, Claims("root", now - 1))), ("long ago", Signed(method, privateKey, Claims("root", 0))),
                ("no user", Signed(method, privateKey, $$"""{"revision":{{revision}},"exp":{{now + 100}}}""")),
                ("no revision", Signed(method, privateKey, $$"""{"username":"root","exp":{{now + 100}}}""")),
                ("user is a number", Signed(method, privateKey, $$"""{"username":1,"revision":{{revision}},"exp":{{now + 100}}}""")),
                ("not yet", Signed(method, privateKey, $$"""{"username":"root","revision":{{revision}},"exp":{{now + 200}},"nbf":{{now + 100}}}""")),
                ("no JSON", Signed(method, privateKey, "root")),
            ])
        {
            Assert.True(await Error(forged) is StatusCode.Unauthenticated, $"{what} is let in: {forged}");
        }

        Assert.Null(await Error(token));

        async Task<StatusCode?> Error(string given)
        {
            var answer = await Calls.Ask(server, Range("a"), Stop, Headers(given));
            return answer.Message is null ? answer.Code : null;
        }
    }

    [Fact]
    public async Task A_token_ends_with_its_time_however_often_it_is_used()
    {
        var (publicKey, privateKey) = Keys("ES256", "keys");
        await using var server = await Started(Subject.Product, $"--auth-token=jwt,pub-key={publicKey},priv-key={privateKey},sign-method=ES256,ttl=3s");
        var token = await Token(server, "ann");
        Assert.NotNull((await Calls.Ask(server, Range("a"), Stop, Headers(token))).Message);
        await Eventually.Holds(
            "the token has ended",
            async () => (await Calls.Ask(server, Range("a"), Stop, Headers(token))).Code == StatusCode.Unauthenticated,
            TimeSpan.FromSeconds(30),
            Stop);
        Assert.NotNull((await Calls.Ask(server, Range("a"), Stop, Headers(await Token(server, "ann")))).Message);
    }

    [Fact]
    public async Task Who_has_the_public_key_alone_takes_tokens_and_gives_none()
    {
        var (publicKey, privateKey) = Keys("RS256", "keys");
        await using var signing = await Started(Product.Granary, Flags("RS256", publicKey, privateKey));
        await using var verifying = await Started(Product.Granary, $"--auth-token=jwt,pub-key={publicKey},sign-method=RS256");
        var refused = await Calls.Ask(verifying, new AuthenticateRequest { Name = "ann", Password = "a" }, Stop);
        Assert.Equal((StatusCode.Unknown, "auth: token signing attempted with verify-only key"), (refused.Code, refused.Text));
        Assert.NotNull((await Calls.Ask(verifying, Range("a"), Stop, Headers(await Token(signing, "ann")))).Message);
    }

    [Theory]
    [InlineData("neither simple nor jwt", "other")]
    [InlineData("sign-method", "jwt")]
    [InlineData("no method", "jwt,sign-method=RS1,pub-key=K")]
    [InlineData("nowhere.pem", "jwt,sign-method=EdDSA,pub-key=nowhere.pem")]
    [InlineData("no key of Ed25519", "jwt,sign-method=EdDSA,pub-key=ES256.pub")]
    [InlineData("has no key", "jwt,sign-method=EdDSA,pub-key=short")]
    [InlineData("no key is named", "jwt,sign-method=RS256")]
    [InlineData("nowhere.pem", "jwt,sign-method=RS256,pub-key=nowhere.pem")]
    [InlineData("another curve", "jwt,sign-method=ES384,pub-key=ES256.pub,priv-key=ES256.key")]
    [InlineData("cannot be made with RS256", "jwt,sign-method=RS256,pub-key=ES256.pub,priv-key=ES256.key")]
    [InlineData("is not the public key of", "jwt,sign-method=ES256,pub-key=other.pub,priv-key=ES256.key")]
    [InlineData("cannot be made with HS256", "jwt,sign-method=HS256,priv-key=short")]
    [InlineData("each once", "jwt,sign-method=ES256,pub-key=other.pub,pub-key=other.pub")]
    [InlineData("duration", "jwt,sign-method=ES256,pub-key=ES256.pub,priv-key=ES256.key,ttl=soon")]
    public async Task A_key_or_method_that_cannot_be_used_is_refused_at_the_start(string said, string setting)
    {
        Keys("ES256", "ES256");
        Keys("ES256", "other");
        await File.WriteAllTextAsync(Path.Combine(_directory, "short"), "abc", Stop);
        var named = setting.Replace("-key=", $"-key={_directory}/", StringComparison.Ordinal);
        await using var server = Server.NotStarted(Product.Granary, $"--auth-token={named}");
        var refusal = await server.StartExpectingRefusal(Stop);
        Assert.Equal(1, refusal.ExitCode);
        Assert.Contains(said, refusal.Said, StringComparison.Ordinal);
    }

    private static string Flags(string method, string publicKey, string privateKey) =>
        $"--auth-token=jwt,pub-key={publicKey},priv-key={privateKey},sign-method={method},ttl=10m";

    /// <summary>A server on which ann may read and write a, and authentication is on.</summary>
    private static async Task<Server> Started(Product product, string tokens)
    {
        var server = await Server.Start(product, Stop, tokens, "--bcrypt-cost=4");
        foreach (var request in (IMessage[])
            [
                AuthTest.AddUser("root", "root"), AuthTest.AddRole("root"), AuthTest.GrantRole("root", "root"), AuthTest.AddUser("ann", "a"), AuthTest.AddRole("r"),
                AuthTest.Grant("r", Readwrite, "a"), AuthTest.GrantRole("ann", "r"), new AuthEnableRequest(),
            ])
        {
            Assert.NotNull((await Calls.Ask(server, request, Stop)).Message);
        }

        return server;
    }

    private static async Task<string> Token(Server server, string user)
    {
        var answer = await Calls.Ask(server, new AuthenticateRequest { Name = user, Password = user == "ann" ? "a" : user }, Stop);
        return Assert.IsType<AuthenticateResponse>(answer.Message).Token;
    }

    private static Metadata Headers(string token) => new() { { "token", token } };

    private (string Public, string Private) Keys(string method, string name)
    {
        var (publicFile, privateFile) = (Path.Combine(_directory, $"{name}.pub"), Path.Combine(_directory, $"{name}.key"));
        if (method.StartsWith("HS", StringComparison.Ordinal))
        {
            File.WriteAllBytes(privateFile, RandomNumberGenerator.GetBytes(64));
            File.Copy(privateFile, publicFile, overwrite: true);
            return (publicFile, privateFile);
        }

        if (method == "EdDSA")
        {
            var pair = new Ed25519PrivateKeyParameters(new SecureRandom());
            File.WriteAllText(privateFile, PemEncoding.WriteString("PRIVATE KEY", PrivateKeyInfoFactory.CreatePrivateKeyInfo(pair).GetEncoded()));
            File.WriteAllText(publicFile, PemEncoding.WriteString("PUBLIC KEY", SubjectPublicKeyInfoFactory.CreateSubjectPublicKeyInfo(pair.GeneratePublicKey()).GetEncoded()));
            return (publicFile, privateFile);
        }

        using AsymmetricAlgorithm key = method[0] == 'E' ? ECDsa.Create(Curve(method)) : RSA.Create(2048);
        File.WriteAllText(publicFile, key.ExportSubjectPublicKeyInfoPem());

        // The forms that OpenSSL's older commands write, which etcd reads.
        File.WriteAllText(privateFile, key is RSA rsa ? rsa.ExportRSAPrivateKeyPem() : ((ECDsa)key).ExportECPrivateKeyPem());
        return (publicFile, privateFile);
    }

    private static byte[] Der(string pem) => Convert.FromBase64String(pem[PemEncoding.Find(pem).Base64Data]);

    private static ECCurve Curve(string method) => method switch
    {
        "ES384" => ECCurve.NamedCurves.nistP384,
        "ES512" => ECCurve.NamedCurves.nistP521,
        _ => ECCurve.NamedCurves.nistP256,
    };

    // A token made here, byte by byte.
    private static string Signed(string method, string keyFile, string claims, string? alg = null, bool refuseOwn = false)
    {
        var signed = $"{Encoded($$"""{"alg":"{{alg ?? method}}","typ":"JWT"}""")}.{Encoded(claims)}";
        var bytes = Encoding.ASCII.GetBytes(signed);
        if (refuseOwn)
        {
            return signed + ".AAAA";
        }

        switch (method[..2])
        {
            case "HS":
                return $"{signed}.{Base64Url.EncodeToString(HMACSHA256.HashData(File.ReadAllBytes(keyFile), bytes))}";
            case "Ed":
                var signer = new Ed25519Signer();
                signer.Init(forSigning: true, PrivateKeyFactory.CreateKey(Der(File.ReadAllText(keyFile))));
                signer.BlockUpdate(bytes, 0, bytes.Length);
                return $"{signed}.{Base64Url.EncodeToString(signer.GenerateSignature())}";
            case "ES":
                using (var ecdsa = ECDsa.Create())
                {
                    ecdsa.ImportFromPem(File.ReadAllText(keyFile));
                    return $"{signed}.{Base64Url.EncodeToString(ecdsa.SignData(bytes, HashAlgorithmName.SHA256))}";
                }

            default:
                using (var rsa = RSA.Create())
                {
                    rsa.ImportFromPem(File.ReadAllText(keyFile));
                    return $"{signed}.{Base64Url.EncodeToString(rsa.SignData(bytes, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1))}";
                }
        }
    }

    private static string Encoded(string text) => Base64Url.EncodeToString(Encoding.UTF8.GetBytes(text));

    private static string Decoded(string text) => Encoding.UTF8.GetString(Base64Url.DecodeFromChars(text));
}
