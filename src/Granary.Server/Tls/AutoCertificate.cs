using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Granary.Server.Configuration;

namespace Granary.Server.Tls;

/// <summary>
/// A certificate that the server signs itself, kept in the data directory for the next start. It hides what is said on the network;
/// who the server is, it tells nobody.
/// </summary>
internal static class AutoCertificate
{
    private const string ServerAuthentication = "1.3.6.1.5.5.7.3.1";
    private const string ClientAuthentication = "1.3.6.1.5.5.7.3.2";

    /// <summary>The options with the files of the certificate, which is made unless there is one that is still good.</summary>
    /// <param name="options">Without a certificate.</param>
    /// <param name="directory">Where the files are, or will be.</param>
    /// <param name="urls">Where it is listened at: the names that the certificate is for.</param>
    /// <exception cref="SettingsException">The files cannot be written.</exception>
    public static TlsOptions Use(TlsOptions options, string directory, IEnumerable<ListenUrl> urls)
    {
        var (certificateFile, keyFile) = (Path.Combine(directory, "cert.pem"), Path.Combine(directory, "key.pem"));
        try
        {
            if (!IsGood(certificateFile))
            {
                Make(certificateFile, keyFile, directory, urls, options.SelfSignedCertValidityYears);
            }
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or CryptographicException)
        {
            throw new SettingsException($"--auto-tls: cannot make a certificate in {directory}: {exception.Message}");
        }

        return options with { CertificateFile = certificateFile, KeyFile = keyFile };
    }

    private static bool IsGood(string certificateFile)
    {
        if (!File.Exists(certificateFile))
        {
            return false;
        }

        using var certificate = X509CertificateLoader.LoadCertificateFromFile(certificateFile);
        return certificate.NotAfter > DateTime.Now;
    }

    private static void Make(string certificateFile, string keyFile, string directory, IEnumerable<ListenUrl> urls, int years)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("O=granary", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        foreach (var address in urls.Select(static url => url.EndPoint?.Address).OfType<IPAddress>().Append(IPAddress.Loopback).Distinct())
        {
            names.AddIpAddress(address);
        }

        names.AddDnsName("localhost");
        names.AddDnsName(Dns.GetHostName());
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature | X509KeyUsageFlags.KeyEncipherment, critical: true));
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid(ServerAuthentication), new Oid(ClientAuthentication)], critical: false));
        var now = DateTimeOffset.UtcNow;
        using var certificate = request.CreateSelfSigned(now.AddMinutes(-5), now.AddYears(years));
        // The data directory is its owner's alone, and so is what is in it.
        Directory.CreateDirectory(directory);
        Write(keyFile, key.ExportPkcs8PrivateKeyPem());
        Write(certificateFile, certificate.ExportCertificatePem());
    }

    private static void Write(string path, string text)
    {
        var options = new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }

        using var writer = new StreamWriter(path, options);
        writer.Write(text);
    }
}
