using Granary.Server.Configuration;
using Granary.Server.Tls;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;

namespace Granary.Server.Listening;

/// <summary>TLS on a port: by ALPN the client chooses between HTTP/2 and HTTP/1.1.</summary>
internal static class SecurePort
{
    private static readonly TimeSpan HandshakeTimeout = TimeSpan.FromSeconds(10);

    public static void Secure(this ListenOptions listen, ServerTls tls, TlsOptions options)
    {
        listen.Protocols = HttpProtocols.Http1AndHttp2;
        listen.Use(next => async connection =>
        {
            try
            {
                await next(connection);
            }
            catch (Exception exception) when (connection.Features.Get<Handshaken>() is null)
            {
                // A first message or a certificate that is none makes the library throw what Kestrel takes for a fault of the server.
                tls.TellFailure(exception);
            }
        });
        listen.UseHttps(new TlsHandshakeCallbackOptions
        {
            OnConnection = _ => new(tls.ForHandshake()),
            HandshakeTimeout = HandshakeTimeout,
        });
        listen.Use(static next => connection =>
        {
            connection.Features.Set(Handshaken.Instance);
            return next(connection);
        });
        if (options.ClientCertAuth)
        {
            listen.Use(next => connection =>
            {
                if (connection.Features.Get<ITlsConnectionFeature>()?.ClientCertificate is { } certificate)
                {
                    connection.Features.Set(new CertificateUser(ClientCertificates.CommonName(certificate)));
                }

                return next(connection);
            });
        }
    }

    /// <summary>Marks a connection whose handshake is over.</summary>
    private sealed class Handshaken
    {
        public static readonly Handshaken Instance = new();
    }
}
