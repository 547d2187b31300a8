using System.Formats.Asn1;
using System.Security.Cryptography;

namespace Granary.Server.Tls;

/// <summary>Reads the serial numbers out of a certificate revocation list (RFC 5280). Whose list it is, is for who has put it there to know.</summary>
internal static class RevocationList
{
    private const string PemLabel = "X509 CRL";

    /// <exception cref="CryptographicException">The file holds no such list.</exception>
    public static IReadOnlySet<string> ReadSerialNumbers(string file)
    {
        var bytes = File.ReadAllBytes(file);
        try
        {
            return Lists(bytes).SelectMany(SerialNumbers).ToHashSet();
        }
        catch (AsnContentException exception)
        {
            throw new CryptographicException($"it is no certificate revocation list: {exception.Message}", exception);
        }
    }

    // One in DER, or any number in PEM: each authority has its own.
    private static List<byte[]> Lists(byte[] bytes)
    {
        var rest = System.Text.Encoding.Latin1.GetString(bytes);
        var lists = new List<byte[]>();
        while (PemEncoding.TryFind(rest, out var fields))
        {
            if (rest[fields.Label] == PemLabel)
            {
                lists.Add(Convert.FromBase64String(rest[fields.Base64Data]));
            }

            rest = rest[fields.Location.End..];
        }

        return lists.Count > 0 ? lists : [bytes];
    }

    private static HashSet<string> SerialNumbers(byte[] encoded)
    {
        var list = new AsnReader(encoded, AsnEncodingRules.DER).ReadSequence().ReadSequence();
        if (list.PeekTag() == Asn1Tag.Integer)
        {
            // The version.
            list.ReadInteger();
        }

        // The algorithm of the signature, the issuer, the time of this list, and where it is there that of the next one.
        list.ReadSequence();
        list.ReadSequence();
        list.ReadEncodedValue();
        if (list.HasData && (list.PeekTag().HasSameClassAndValue(Asn1Tag.UtcTime) || list.PeekTag().HasSameClassAndValue(Asn1Tag.GeneralizedTime)))
        {
            list.ReadEncodedValue();
        }

        var serialNumbers = new HashSet<string>();
        if (list.HasData && list.PeekTag().HasSameClassAndValue(Asn1Tag.Sequence))
        {
            var entries = list.ReadSequence();
            while (entries.HasData)
            {
                serialNumbers.Add(Convert.ToHexString(entries.ReadSequence().ReadIntegerBytes().Span));
            }
        }

        return serialNumbers;
    }
}
