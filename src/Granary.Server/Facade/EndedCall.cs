using System.Globalization;
using Grpc.Core;

namespace Granary.Server.Facade;

/// <summary>Answers a call before the gRPC library has it.</summary>
internal static class EndedCall
{
    public static void Write(HttpContext context, StatusCode code, string message)
    {
        context.Response.ContentType = "application/grpc";
        context.Response.Headers["grpc-status"] = ((int)code).ToString(CultureInfo.InvariantCulture);
        context.Response.Headers["grpc-message"] = Uri.EscapeDataString(message).Replace("%20", " ", StringComparison.Ordinal);
    }
}
