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
        return new CertificateFiles(ReadServer(options), authorities, ReadRevoked(options.ClientCrlFile, "client-crl-file"));
    }

    /// <summary>One certificate with its key.</summary>
    /// <exception cref="SettingsException">One of the files cannot be used.</exception>
    public static X509Certificate2 ReadOne(string file, string setting, string keyFile, string keySetting)
    {
        _ = ReadAll(file, setting);
        return Use(keyFile, keySetting, key => X509Certificate2.CreateFromPemFile(file, key));
    }

    /// <summary>The serial numbers in a list of revoked certificates.</summary>
    /// <exception cref="SettingsException">The file cannot be used.</exception>
    public static IReadOnlySet<string> ReadRevoked(string? file, string setting) =>
        file is null ? new HashSet<string>() : Use(file, setting, RevocationList.ReadSerialNumbers);

    private static SslStreamCertificateContext ReadServer(TlsOptions options)
    {
        var chain = ReadAll(options.CertificateFile!, "cert-file");
        var leaf = ReadOne(options.CertificateFile!, "cert-file", options.KeyFile!, "key-file");
        chain.RemoveAt(0);
        return SslStreamCertificateContext.Create(leaf, chain, offline: true);
    }

    /// <summary>All certificates of a file.</summary>
    /// <exception cref="SettingsException">It cannot be used.</exception>
    public static X509Certificate2Collection ReadAll(string file, string setting) => Use(file, setting, path =>
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
