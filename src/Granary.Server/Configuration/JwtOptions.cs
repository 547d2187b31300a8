namespace Granary.Server.Configuration;

/// <summary>How JSON web tokens are made and recognized, as <c>--auth-token=jwt,…</c> says.</summary>
/// <param name="SignMethod">RS256 and the like, by its name in RFC 7518.</param>
/// <param name="PublicKeyFile">PEM file of the key by which tokens are recognized, or of its certificate.</param>
/// <param name="PrivateKeyFile">File of the key by which they are signed, PEM, or for HS the secret as it is; null where others sign them.</param>
/// <param name="TimeToLive">How long a token is good.</param>
internal sealed record JwtOptions(string SignMethod, string? PublicKeyFile, string? PrivateKeyFile, TimeSpan TimeToLive)
{
    private const string Kind = "jwt";

    private static readonly TimeSpan DefaultTimeToLive = TimeSpan.FromMinutes(5);

    /// <summary>Null for simple tokens.</summary>
    /// <exception cref="FormatException">It is neither <c>simple</c> nor <c>jwt</c> with what it needs.</exception>
    public static JwtOptions? Parse(string text)
    {
        var parts = text.Split(',', StringSplitOptions.TrimEntries);
        if (text == "simple")
        {
            return null;
        }

        if (parts[0] != Kind)
        {
            throw new FormatException($"\"{parts[0]}\" is neither simple nor jwt");
        }

        var options = new Dictionary<string, string>();
        foreach (var part in parts.Skip(1))
        {
            if (part.Split('=', 2) is not [("pub-key" or "priv-key" or "sign-method" or "ttl") and var name, { Length: > 0 } value] || !options.TryAdd(name, value))
            {
                throw new FormatException($"\"{part}\" is none of pub-key=FILE, priv-key=FILE, sign-method=METHOD, ttl=DURATION, each once");
            }
        }

        var timeToLive = options.TryGetValue("ttl", out var ttl) ? FlagValues.Duration(ttl) : DefaultTimeToLive;
        return new JwtOptions(
            options.GetValueOrDefault("sign-method") ?? throw new FormatException("jwt needs sign-method=METHOD, such as RS256"),
            options.GetValueOrDefault("pub-key"),
            options.GetValueOrDefault("priv-key"),
            timeToLive > TimeSpan.Zero ? timeToLive : throw new FormatException("the ttl of tokens must be more than nothing"));
    }
}
