using System.Security.Cryptography;
using Microsoft.IdentityModel.Tokens;
using Org.BouncyCastle.Crypto.Parameters;
using Org.BouncyCastle.Crypto.Signers;
using Org.BouncyCastle.Security;

namespace Granary.Server.Identity;

/// <summary>A key of Ed25519, by which RFC 8037's method EdDSA signs: .NET has no such signature, so Bouncy Castle makes it.</summary>
internal sealed class Ed25519Key : AsymmetricSecurityKey, ICryptoProvider
{
    public const string Method = "EdDSA";

    private readonly Ed25519PrivateKeyParameters? _private;
    private readonly Ed25519PublicKeyParameters _public;

    private Ed25519Key(Ed25519PrivateKeyParameters? privateKey, Ed25519PublicKeyParameters publicKey)
    {
        _private = privateKey;
        _public = publicKey;
        CryptoProviderFactory = new CryptoProviderFactory { CustomCryptoProvider = this };
    }

    public override int KeySize => Ed25519PublicKeyParameters.KeySize * 8;

    public override PrivateKeyStatus PrivateKeyStatus => _private is null ? PrivateKeyStatus.DoesNotExist : PrivateKeyStatus.Exists;

    [Obsolete("As that of the base, which has it still.")]
    public override bool HasPrivateKey => _private is not null;

    /// <param name="pem">SubjectPublicKeyInfo or PKCS #8.</param>
    /// <exception cref="CryptographicException">It is another key, or none.</exception>
    public static Ed25519Key FromPem(string pem)
    {
        try
        {
            var fields = PemEncoding.Find(pem);
            var der = Convert.FromBase64String(pem[fields.Base64Data]);
            return pem[fields.Label] switch
            {
                "PRIVATE KEY" when PrivateKeyFactory.CreateKey(der) is Ed25519PrivateKeyParameters key => new Ed25519Key(key, key.GeneratePublicKey()),
                "PUBLIC KEY" when PublicKeyFactory.CreateKey(der) is Ed25519PublicKeyParameters key => new Ed25519Key(null, key),
                _ => throw new CryptographicException("the file has no key of Ed25519"),
            };
        }
        catch (Exception exception) when (exception is not CryptographicException)
        {
            // The library has no exception of its own for bytes that are no key.
            throw new CryptographicException($"the file has no key: {exception.Message}", exception);
        }
    }

    public bool IsSupportedAlgorithm(string algorithm, params object[] args) => algorithm == Method;

    public object Create(string algorithm, params object[] args) => new Signatures(this);

    public void Release(object cryptoInstance)
    {
        if (cryptoInstance is Signatures signatures)
        {
            signatures.Dispose();
        }
    }

    private sealed class Signatures(Ed25519Key key) : SignatureProvider(key, Method)
    {
        public override bool Sign(ReadOnlySpan<byte> data, Span<byte> destination, out int bytesWritten)
        {
            var signature = Sign(data.ToArray());
            bytesWritten = signature.Length;
            return signature.AsSpan().TryCopyTo(destination);
        }

        public override byte[] Sign(byte[] input, int offset, int count)
        {
            var signer = new Ed25519Signer();
            signer.Init(forSigning: true, key._private ?? throw new CryptographicException("the key only recognizes signatures"));
            signer.BlockUpdate(input, offset, count);
            return signer.GenerateSignature();
        }

        public override byte[] Sign(byte[] input) => Sign(input, 0, input.Length);

        public override bool Verify(byte[] input, byte[] signature) => Verify(input, 0, input.Length, signature, 0, signature.Length);

        public override bool Verify(byte[] input, int inputOffset, int inputLength, byte[] signature, int signatureOffset, int signatureLength)
        {
            var signer = new Ed25519Signer();
            signer.Init(forSigning: false, key._public);
            signer.BlockUpdate(input, inputOffset, inputLength);
            return signer.VerifySignature(signature.AsSpan(signatureOffset, signatureLength).ToArray());
        }

        protected override void Dispose(bool disposing)
        {
        }
    }
}
