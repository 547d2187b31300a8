using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Granary.Testing;

/// <summary>A certificate authority for one test, and what it has signed: PEM files in a directory.</summary>
public sealed class Authority
{
    private const string ServerAuthentication = "1.3.6.1.5.5.7.3.1";
    private const string ClientAuthentication = "1.3.6.1.5.5.7.3.2";

    // Clocks of a machine and its containers may differ a little.
    private static readonly DateTimeOffset From = DateTimeOffset.UtcNow.AddDays(-1);
    private static readonly DateTimeOffset Until = DateTimeOffset.UtcNow.AddDays(1);

    private readonly string _directory;
    private readonly X509Certificate2 _certificate;

    public Authority(string directory, string name)
    {
        _directory = directory;
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign, true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, false));
        _certificate = request.CreateSelfSigned(From, Until);
        CertificateFile = Path.Combine(directory, $"{name}.pem");
        File.WriteAllText(CertificateFile, _certificate.ExportCertificatePem());
    }

    /// <summary>What whoever trusts this authority names.</summary>
    public string CertificateFile { get; }

    /// <summary>Signs a certificate for 127.0.0.1, as a server and as a client; returns it and its key.</summary>
    /// <param name="name">Its common name, and that of its files.</param>
    /// <param name="host">A host name that it is for besides.</param>
    /// <param name="isExpired">Whether its time is over.</param>
    /// <param name="isForClients">Whether it may be shown by clients.</param>
    public (string CertificateFile, string KeyFile) Issue(string name, string? host = null, bool isExpired = false, bool isForClients = true)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddIpAddress(IPAddress.Loopback);
        if (host is not null)
        {
            names.AddDnsName(host);
        }

        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension(
            [new Oid(ServerAuthentication), .. isForClients ? [new Oid(ClientAuthentication)] : Array.Empty<Oid>()], false));
        request.CertificateExtensions.Add(X509AuthorityKeyIdentifierExtension.CreateFromCertificate(_certificate, true, false));
        using var issued = request.Create(_certificate, From, isExpired ? From.AddHours(1) : Until, RandomNumberGenerator.GetBytes(8));
        var (certificateFile, keyFile) = (Path.Combine(_directory, $"{name}.pem"), Path.Combine(_directory, $"{name}-key.pem"));
        File.WriteAllText(certificateFile, issued.ExportCertificatePem());
        File.WriteAllText(keyFile, key.ExportPkcs8PrivateKeyPem());
        return (certificateFile, keyFile);
    }

    /// <summary>Makes a list of certificates that are revoked; returns its file.</summary>
    public string Revoke(params string[] certificateFiles)
    {
        var list = new CertificateRevocationListBuilder();
        foreach (var file in certificateFiles)
        {
            using var certificate = X509CertificateLoader.LoadCertificateFromFile(file);
            list.AddEntry(certificate);
        }

        var path = Path.Combine(_directory, "revoked.crl");
        File.WriteAllText(path, PemEncoding.WriteString("X509 CRL", list.Build(_certificate, 1, Until, HashAlgorithmName.SHA256)));
        return path;
    }
}
