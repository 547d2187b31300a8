using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Granary.Server.Configuration;

namespace Granary.Server.Tls;

/// <summary>What the files of certificates hold, read together.</summary>
/// <param name="Server">The server's certificate with those up to its authority's.</param>
/// <param name="Authorities">Whose clients are let in; null where none needs a certificate.</param>
/// <param name="Revoked">The serial numbers that are let in no more.</param>
internal sealed record CertificateFiles(SslStreamCertificateContext Server, X509Certificate2Collection? Authorities, IReadOnlySet<string> Revoked)
{
    /// <exception cref="SettingsException">One of them cannot be used.</exception>
    public static CertificateFiles Read(TlsOptions options)
    {
        var authorities = options.TrustedCaFile is { } authoritiesFile ? ReadAll(authoritiesFile, "trusted-ca-file") : null;
        var revoked = options.ClientCrlFile is { } crlFile ? Use(crlFile, "client-crl-file", RevocationList.ReadSerialNumbers) : new HashSet<string>();
        return new CertificateFiles(ReadServer(options), authorities, revoked);
    }

    private static SslStreamCertificateContext ReadServer(TlsOptions options)
    {
        var chain = ReadAll(options.CertificateFile!, "cert-file");
        var leaf = Use(options.KeyFile!, "key-file", key => X509Certificate2.CreateFromPemFile(options.CertificateFile!, key));
        chain.RemoveAt(0);
        return SslStreamCertificateContext.Create(leaf, chain, offline: true);
    }

    private static X509Certificate2Collection ReadAll(string file, string setting) => Use(file, setting, path =>
    {
        var certificates = new X509Certificate2Collection();
        certificates.ImportFromPemFile(path);
        return certificates.Count > 0 ? certificates : throw new CryptographicException("it has no certificate in PEM");
    });

    private static T Use<T>(string file, string setting, Func<string, T> read)
    {
        try
        {
            return read(file);
        }
        catch (Exception exception) when (exception is CryptographicException or IOException or UnauthorizedAccessException or ArgumentException
            or PlatformNotSupportedException)
        {
            throw new SettingsException($"--{setting}: {file} cannot be used: {exception.Message}");
        }
    }
}
