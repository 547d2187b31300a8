using Granary.Server.Configuration;
using Granary.Server.Tls;
using Microsoft.AspNetCore.Connections;
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
        listen.Use(static next => async connection =>
        {
            try
            {
                await next(connection);
            }
            catch (NotSupportedException)
            {
                // So the library ends a handshake whose first message it cannot read: it looks for no certificate then, and misses it.
                connection.Abort(new ConnectionAbortedException("The client's first message cannot be read."));
            }
        });
        listen.UseHttps(new TlsHandshakeCallbackOptions
        {
            OnConnection = _ => new(tls.ForHandshake()),
            HandshakeTimeout = HandshakeTimeout,
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
}
