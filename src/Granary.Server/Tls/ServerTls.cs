using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Granary.Server.Configuration;

namespace Granary.Server.Tls;

/// <summary>
/// Secures connections with the certificates that are in their files at the time of each handshake: a new file is read when somebody
/// connects, connections that are open go on. A new file that cannot be used is told of once, and the old ones stay.
/// </summary>
internal sealed partial class ServerTls
{
    // Looking at the files of each handshake costs more than a handshake should wait for.
    private static readonly TimeSpan LookInterval = TimeSpan.FromMilliseconds(500);

    private static readonly TlsCipherSuite[] SuitesOfTls13 =
        [TlsCipherSuite.TLS_AES_128_GCM_SHA256, TlsCipherSuite.TLS_AES_256_GCM_SHA384, TlsCipherSuite.TLS_CHACHA20_POLY1305_SHA256];

    private readonly TlsOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly Lock _looking = new();
    private volatile SslServerAuthenticationOptions _current;
    private string _stamp;
    private long _lookedAt;

    /// <exception cref="SettingsException">The files cannot be used.</exception>
    public ServerTls(TlsOptions options, TimeProvider time, ILogger<ServerTls> logger)
    {
        _options = options;
        _time = time;
        _logger = logger;
        _stamp = Stamp();
        _current = Make(CertificateFiles.Read(options));
        _lookedAt = time.GetTimestamp();
    }

    /// <summary>How the next handshake goes.</summary>
    public SslServerAuthenticationOptions ForHandshake()
    {
        if (_time.GetElapsedTime(Interlocked.Read(ref _lookedAt)) >= LookInterval && _looking.TryEnter())
        {
            try
            {
                Look();
            }
            finally
            {
                _looking.Exit();
            }
        }

        return _current;
    }

    /// <summary>Logs why a handshake came to no end.</summary>
    public void TellFailure(Exception exception) => Log.HandshakeFailed(_logger, exception.GetType().Name, exception.Message);

    private void Look()
    {
        Interlocked.Exchange(ref _lookedAt, _time.GetTimestamp());
        var stamp = Stamp();
        if (stamp == _stamp)
        {
            return;
        }

        _stamp = stamp;
        try
        {
            _current = Make(CertificateFiles.Read(_options));
            Log.ReadAgain(_logger, _current.ServerCertificateContext!.TargetCertificate.NotAfter);
        }
        catch (SettingsException exception)
        {
            Log.CannotBeUsed(_logger, exception.Message);
        }
    }

    private string Stamp() => FileStamps.Of(_options.CertificateFile, _options.KeyFile, _options.TrustedCaFile, _options.ClientCrlFile);

    private SslServerAuthenticationOptions Make(CertificateFiles files)
    {
        var options = new SslServerAuthenticationOptions
        {
            ServerCertificateContext = files.Server,
            EnabledSslProtocols = _options.Protocols,
            ClientCertificateRequired = _options.RequiresClientCertificate,
            CertificateRevocationCheckMode = X509RevocationMode.NoCheck,
            AllowRenegotiation = false,
            ApplicationProtocols = [SslApplicationProtocol.Http2, SslApplicationProtocol.Http11],
        };
        if (_options.CipherSuites.Count > 0 && !OperatingSystem.IsWindows())
        {
            options.CipherSuitesPolicy = new CipherSuitesPolicy(_options.CipherSuites.Concat(SuitesOfTls13));
        }

        if (_options.RequiresClientCertificate)
        {
            var clients = new ClientCertificates(_options, files, _logger);
            options.RemoteCertificateValidationCallback = (_, certificate, chain, _) => clients.MayComeIn(certificate as X509Certificate2, chain);
            options.CertificateChainPolicy = clients.Policy;
        }

        return options;
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Information, "The certificates were read again; the server's is good until {NotAfter}.")]
        public static partial void ReadAgain(ILogger logger, DateTime notAfter);

        [LoggerMessage(2, LogLevel.Error, "The certificates have changed and cannot be used; those from before stay: {Reason}")]
        public static partial void CannotBeUsed(ILogger logger, string reason);

        [LoggerMessage(3, LogLevel.Warning, "A handshake failed: {Kind}: {Reason}")]
        public static partial void HandshakeFailed(ILogger logger, string kind, string reason);
    }
}
