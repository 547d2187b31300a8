using System.Net.Sockets;
using System.Security.Authentication;
using Granary.Server.Configuration;
using Grpc.Core;

namespace Granary.Server.Import;

/// <summary>Says why a call to a server came to nothing, and what to do about it.</summary>
internal static class ConnectionFailure
{
    public static string Of(RpcException exception)
    {
        for (var reason = exception.Status.DebugException; reason is not null; reason = reason.InnerException)
        {
            switch (reason)
            {
                case SettingsException refused:
                    return refused.Message;
                case SocketException unreachable:
                    return $"the server cannot be reached: {unreachable.Message}";
                case AuthenticationException noTls:
                    return $"the server takes no TLS connection: {noTls.Message} If it speaks none, name it http://HOST:PORT";
            }
        }

        // The call did not begin, and the network is well.
        return exception.Status.DebugException is HttpRequestException
            ? "the server ended the connection at once: if it speaks TLS, name it https://HOST:PORT; if it asks for a certificate, give one with --cert and --key"
            : $"the server answered {exception.StatusCode}: {exception.Status.Detail}";
    }
}
