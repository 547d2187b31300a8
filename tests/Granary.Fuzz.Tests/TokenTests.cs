using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using Google.Protobuf;
using Granary.Mvcc.Auth;
using Granary.Server.Configuration;
using Granary.Server.Identity;

namespace Granary.Fuzz.Tests;

/// <summary>Tokens that nobody was given: none of them names a user, and none of them throws.</summary>
public sealed class TokenTests : IDisposable
{
    private static readonly TimeSpan Long = TimeSpan.FromDays(1);

    private static readonly User Ann = new() { Name = ByteString.CopyFromUtf8("ann"), Password = ByteString.CopyFromUtf8("hash") };

    private static readonly AuthState Auth = AuthState.Initial.With(new AuthChange(true, 7, [new AuthEntry(AuthEntryKind.User, "ann", Ann)]));

    // What an attacker puts where the library decides how a token is read.
    private static readonly string[] Headers =
    [
        """{"alg":"none"}""", """{"alg":"None","typ":"JWT"}""", """{"alg":"HS256","typ":"JWT"}""", """{"alg":"ES256","kid":"../../x","jku":"http://127.0.0.1/"}""",
        """{"alg":"RS256","x5c":["AA=="],"x5t":"AA"}""", """{"alg":"HS256","b64":false,"crit":["b64"]}""", """{"alg":"dir","enc":"A128CBC-HS256","zip":"DEF"}""",
        """{"alg":"HS256","alg":"none"}""", """{"alg":["HS256"]}""", """{"alg":null}""", """{"typ":{}}""", "[]", "", "{",
    ];

    private static readonly string[] Claims =
    [
        """{"username":"ann","revision":7,"exp":99999999999}""", """{"username":"ann","revision":"7","exp":"1"}""", """{"username":["ann"],"revision":7.5}""",
        """{"username":null,"revision":9223372036854775808}""", """{"username":"ann","revision":7,"exp":1e400,"nbf":-1}""", """{"username":{"username":"ann"},"revision":{}}""",
        """{"username":"ann","username":"root","revision":7,"revision":-1}""", """{"username":"\ud800","revision":7}""", "null", "[1]", "\"ann\"", "",
    ];

    private readonly string _directory = Directory.CreateTempSubdirectory("granary-fuzz-tokens-").FullName;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public Task Simple_tokens()
    {
        var tokens = new SimpleTokens(Long, TimeProvider.System);
        var given = Enumerable.Range(0, 50).Select(i => tokens.Assign(Auth, Ann, i)).ToArray();
        return FuzzRun.Try(
            "simple tokens",
            mutator => new FuzzInput("Find", mutator.OneIn(20) ? Encoding.UTF8.GetBytes(mutator.Of(given)) : mutator.Mutate(Encoding.UTF8.GetBytes(mutator.Of(given)))),
            input =>
            {
                var text = Encoding.Latin1.GetString(input.Bytes);
                Assert.Equal(given.Contains(text) ? "ann" : null, tokens.Find(Auth, text)?.User);
            });
    }

    [Theory]
    [InlineData("ES256")]
    [InlineData("RS256")]
    [InlineData("HS256")]
    public Task Json_web_tokens(string method)
    {
        var tokens = new JwtTokens(Options(method), TimeProvider.System);
        var given = Enumerable.Range(0, 5).Select(_ => tokens.Assign(Auth, Ann, 0)).ToArray();
        var signed = given.Select(Signed).ToHashSet(StringComparer.Ordinal);
        return FuzzRun.Try(
            $"json web tokens of {method}",
            mutator => new FuzzInput("Find", Encoding.Latin1.GetBytes(mutator.OneIn(20) ? mutator.Of(given) : Forged(mutator, mutator.Of(given)))),
            input =>
            {
                // A signature may be written in more than one way; what it is for may not.
                var text = Encoding.Latin1.GetString(input.Bytes);
                var caller = tokens.Find(Auth, text);
                Assert.True(caller is null || (signed.Contains(Signed(text)) && caller.User == "ann"), $"{caller?.User} is let in");
                Assert.True(caller is not null || !given.Contains(text), "a token that was given is refused");
            });
    }

    /// <summary>Whoever has the key may say what they like: it is taken or refused.</summary>
    [Fact]
    public Task Signed_claims()
    {
        var options = Options("HS256");
        var tokens = new JwtTokens(options, TimeProvider.System);
        var key = File.ReadAllBytes(options.PrivateKeyFile!);
        return FuzzRun.Try(
            "signed claims",
            mutator =>
            {
                var claims = Encoding.UTF8.GetBytes(mutator.Of(Claims));
                return new FuzzInput("Find", mutator.OneIn(4) ? claims : mutator.Mutate(claims));
            },
            input =>
            {
                var content = $"{Encoded("""{"alg":"HS256","typ":"JWT"}""")}.{Base64Url.EncodeToString(input.Bytes)}";
                var text = $"{content}.{Base64Url.EncodeToString(HMACSHA256.HashData(key, Encoding.ASCII.GetBytes(content)))}";
                var caller = tokens.Find(Auth, text);
                Assert.True(caller is null or { User: not null, IsServer: false, TokenRevision: <= long.MaxValue });
            });
    }

    private static string Forged(Mutator mutator, string token)
    {
        if (mutator.OneIn(3))
        {
            return Encoding.Latin1.GetString(mutator.Mutate(Encoding.ASCII.GetBytes(token)));
        }

        var parts = token.Split('.');
        var at = mutator.Below(parts.Length);
        parts[at] = mutator.Below(3) switch
        {
            0 => Encoded(mutator.Of(at == 0 ? Headers : Claims)),
            1 => Base64Url.EncodeToString(mutator.Mutate(Base64Url.DecodeFromChars(parts[at]))),
            _ => Encoding.Latin1.GetString(mutator.Mutate(Encoding.ASCII.GetBytes(parts[at]))),
        };
        return mutator.Below(10) switch
        {
            0 => string.Join('.', parts[..2]) + ".",
            1 => string.Join('.', [.. parts, .. parts[..2]]),
            _ => string.Join('.', parts),
        };
    }

    /// <summary>All up to the signature.</summary>
    private static string Signed(string token) => token.LastIndexOf('.') is >= 0 and var dot ? token[..dot] : token;

    private JwtOptions Options(string method)
    {
        var file = Path.Combine(_directory, method);
        if (method[0] == 'H')
        {
            File.WriteAllBytes(file, RandomNumberGenerator.GetBytes(64));
            return new JwtOptions(method, null, file, Long);
        }

        using AsymmetricAlgorithm key = method[0] == 'E' ? ECDsa.Create(ECCurve.NamedCurves.nistP256) : RSA.Create(2048);
        File.WriteAllText(file, key.ExportPkcs8PrivateKeyPem());
        return new JwtOptions(method, null, file, Long);
    }

    private static string Encoded(string text) => Base64Url.EncodeToString(Encoding.UTF8.GetBytes(text));
}
