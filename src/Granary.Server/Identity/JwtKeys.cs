using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Granary.Server.Configuration;
using Microsoft.IdentityModel.Tokens;

namespace Granary.Server.Identity;

/// <summary>The keys of JSON web tokens, for a method that they can be used with.</summary>
/// <param name="Method">The method's name in RFC 7518.</param>
/// <param name="Verifying">Recognizes tokens.</param>
/// <param name="Signing">Signs tokens; null where others do.</param>
internal sealed record JwtKeys(string Method, SecurityKey Verifying, SecurityKey? Signing)
{
    private static readonly Dictionary<string, string> CurveOfMethod = new()
    {
        ["ES256"] = "1.2.840.10045.3.1.7",
        ["ES384"] = "1.3.132.0.34",
        ["ES512"] = "1.3.132.0.35",
    };

    /// <exception cref="SettingsException">A key or the method cannot be used.</exception>
    public static JwtKeys Read(JwtOptions options)
    {
        try
        {
            return options.SignMethod switch
            {
                "RS256" or "RS384" or "RS512" or "PS256" or "PS384" or "PS512" => new JwtKeys(
                    options.SignMethod,
                    new RsaSecurityKey(Rsa(options.PublicKeyFile ?? options.PrivateKeyFile)),
                    options.PrivateKeyFile is { } file ? new RsaSecurityKey(Rsa(file)) : null),
                "ES256" or "ES384" or "ES512" => new JwtKeys(
                    options.SignMethod,
                    new ECDsaSecurityKey(Ecdsa(options.SignMethod, options.PublicKeyFile ?? options.PrivateKeyFile)),
                    options.PrivateKeyFile is { } file ? new ECDsaSecurityKey(Ecdsa(options.SignMethod, file)) : null),
                "HS256" or "HS384" or "HS512" => Secret(options),
                Ed25519Key.Method => new JwtKeys(
                    options.SignMethod,
                    Ed25519Key.FromPem(File.ReadAllText(Named(options.PublicKeyFile ?? options.PrivateKeyFile))),
                    options.PrivateKeyFile is { } file ? Ed25519Key.FromPem(File.ReadAllText(file)) : null),
                var other => throw new CryptographicException($"there is no method \"{other}\""),
            };
        }
        catch (Exception exception) when (exception is CryptographicException or IOException or UnauthorizedAccessException or ArgumentException
            or PlatformNotSupportedException)
        {
            throw new SettingsException($"--auth-token: tokens cannot be made with {options.SignMethod}: {exception.Message}");
        }
    }

    private static JwtKeys Secret(JwtOptions options)
    {
        var key = new SymmetricSecurityKey(File.ReadAllBytes(Named(options.PrivateKeyFile)));
        return new JwtKeys(options.SignMethod, key, key);
    }

    private static RSA Rsa(string? file)
    {
        var pem = File.ReadAllText(Named(file));
        if (Certificate(pem) is { } certificate)
        {
            return certificate.GetRSAPublicKey() ?? throw new CryptographicException($"{file} has no RSA key");
        }

        var key = RSA.Create();
        key.ImportFromPem(pem);
        return key;
    }

    private static ECDsa Ecdsa(string method, string? file)
    {
        var pem = File.ReadAllText(Named(file));
        var key = ECDsa.Create();
        if (Certificate(pem) is { } certificate)
        {
            key = certificate.GetECDsaPublicKey() ?? throw new CryptographicException($"{file} has no ECDSA key");
        }
        else
        {
            key.ImportFromPem(pem);
        }

        // A curve that is written out in numbers has no name.
        return key.ExportParameters(includePrivateParameters: false).Curve is { IsNamed: true } curve && curve.Oid.Value == CurveOfMethod[method]
            ? key
            : throw new CryptographicException($"the key in {file} is on another curve than {method} needs");
    }

    private static X509Certificate2? Certificate(string pem) => pem.Contains("BEGIN CERTIFICATE", StringComparison.Ordinal) ? X509Certificate2.CreateFromPem(pem) : null;

    private static string Named(string? file) => file ?? throw new CryptographicException("no key is named: pub-key=FILE, and priv-key=FILE to sign tokens");
}
