using System.Collections.Concurrent;
using Granary.Grains.Identity;
using Granary.Mvcc.Auth;
using Granary.Mvcc.Errors;
using Granary.Protos;
using Granary.Server.Configuration;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace Granary.Server.Identity;

/// <summary>
/// JSON web tokens: who has the key can make and recognize them, nobody keeps them. Each names its user and the auth revision at which it
/// was given: for keys it holds at no later one. Its time is not renewed.
/// </summary>
internal sealed class JwtTokens : ITokens
{
    private const string UserClaim = "username";
    private const string RevisionClaim = "revision";

    // To recognize a signature takes longer than most requests: what was recognized is remembered, and all forgotten when it is too much.
    private const int MaxRemembered = 10_000;

    private readonly JwtKeys _keys;
    private readonly TimeSpan _timeToLive;
    private readonly TimeProvider _time;
    private readonly JsonWebTokenHandler _handler = new() { SetDefaultTimesOnTokenCreation = false };
    private readonly TokenValidationParameters _validation;
    private readonly ConcurrentDictionary<string, (Caller Caller, DateTimeOffset Until)> _remembered = new(StringComparer.Ordinal);

    /// <exception cref="SettingsException">A key or the method cannot be used.</exception>
    public JwtTokens(JwtOptions options, TimeProvider time)
    {
        _keys = JwtKeys.Read(options);
        _timeToLive = options.TimeToLive;
        _time = time;
        _validation = new TokenValidationParameters
        {
            ValidAlgorithms = [_keys.Method],
            IssuerSigningKey = _keys.Verifying,
            TryAllIssuerSigningKeys = true,
            RequireSignedTokens = true,
            RequireExpirationTime = false,
            ValidateIssuer = false,
            ValidateAudience = false,
            ValidateLifetime = false,
            LogValidationExceptions = false,
        };
        Try(options);
    }

    public string Assign(AuthState auth, User user, long index) => Sign(user.Name.ToStringUtf8(), auth.Revision);

    // Whoever has the key knows whose it is.
    public Session? Share(string token, long index) => null;

    public Caller? Find(AuthState auth, string token)
    {
        var now = _time.GetUtcNow();
        if (_remembered.TryGetValue(token, out var known))
        {
            return known.Until > now ? known.Caller : null;
        }

        if (Recognize(token) is not var (caller, from, until) || until <= now || from > now)
        {
            return null;
        }

        if (_remembered.Count >= MaxRemembered)
        {
            _remembered.Clear();
        }

        _remembered[token] = (caller, until);
        return caller;
    }

    private (Caller Caller, DateTimeOffset From, DateTimeOffset Until)? Recognize(string text)
    {
        // It never waits: the keys are at hand, and there is no issuer to be asked for them.
        var result = _handler.ValidateTokenAsync(text, _validation).GetAwaiter().GetResult();
        if (!result.IsValid || result.SecurityToken is not JsonWebToken token)
        {
            return null;
        }

        // As what it is: the library would make a name out of a number.
        if (!token.TryGetPayloadValue<object>(UserClaim, out var name) || name is not string user || !token.TryGetPayloadValue<long>(RevisionClaim, out var revision) || revision < 0)
        {
            return null;
        }

        return (Caller.Of(user, (ulong)revision), Time(token, JwtRegisteredClaimNames.Nbf, DateTimeOffset.MinValue), Time(token, JwtRegisteredClaimNames.Exp, DateTimeOffset.MaxValue));
    }

    // One that is there and no time is no reason to do without.
    private static DateTimeOffset Time(JsonWebToken token, string claim, DateTimeOffset absent) =>
        !token.TryGetPayloadValue<object>(claim, out _) ? absent
        : token.TryGetPayloadValue<long>(claim, out var seconds) && seconds is >= 0 and < 253_402_300_800 ? DateTimeOffset.FromUnixTimeSeconds(seconds)
        : absent == DateTimeOffset.MinValue ? DateTimeOffset.MaxValue : DateTimeOffset.MinValue;

    private string Sign(string user, ulong revision)
    {
        var credentials = new SigningCredentials(_keys.Signing ?? throw new EtcdException(EtcdError.VerifyOnly), _keys.Method);
        return _handler.CreateToken(new SecurityTokenDescriptor
        {
            Claims = new Dictionary<string, object> { [UserClaim] = user, [RevisionClaim] = (long)revision },
            Expires = (_time.GetUtcNow() + _timeToLive).UtcDateTime,
            SigningCredentials = credentials,
        });
    }

    /// <summary>Makes a token and recognizes it, so that keys which do not fit each other or the method are found before anybody logs in.</summary>
    private void Try(JwtOptions options)
    {
        if (_keys.Signing is null)
        {
            return;
        }

        try
        {
            if (Recognize(Sign("nobody", 0)) is null)
            {
                throw new SettingsException($"--auth-token: {options.PublicKeyFile} is not the public key of {options.PrivateKeyFile}");
            }
        }
        catch (Exception exception) when (exception is not SettingsException)
        {
            throw new SettingsException($"--auth-token: tokens cannot be made with {options.SignMethod} and {options.PrivateKeyFile}: {exception.Message}");
        }
    }
}
