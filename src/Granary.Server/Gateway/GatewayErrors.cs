using System.Buffers;
using System.Text.Json;
using Grpc.Core;

namespace Granary.Server.Gateway;

/// <summary>Errors as JSON, with the names that both generations of etcd's gateway have for them: clients look for one or the other.</summary>
internal static class GatewayErrors
{
    public const string JsonType = "application/json";

    /// <summary>Answers with the status of a code and a body that tells it.</summary>
    public static Task Write(HttpResponse response, StatusCode code, string text)
    {
        Prepare(response, code, text);
        var body = Json(writer =>
        {
            writer.WritePropertyName("error");
            writer.WriteText(text, isInStream: false);
            writer.WriteNumber("code", (int)code);
            writer.WritePropertyName("message");
            writer.WriteText(text, isInStream: false);
        });
        response.ContentLength = body.Length;
        return response.Body.WriteAsync(body, 0, body.Length);
    }

    /// <summary>Ends a stream of answers with a line that tells why; it is the whole answer if there was none before.</summary>
    public static Task WriteLast(HttpResponse response, StatusCode code, string text)
    {
        if (!response.HasStarted)
        {
            Prepare(response, code, text);
        }

        var status = HttpStatusOf.Code(code);
        var line = Json(writer =>
        {
            writer.WriteStartObject("error");
            writer.WriteNumber("grpc_code", (int)code);
            writer.WriteNumber("http_code", status);
            writer.WriteNumber("code", (int)code);
            writer.WritePropertyName("message");
            writer.WriteText(text, isInStream: true);
            writer.WriteString("http_status", Microsoft.AspNetCore.WebUtilities.ReasonPhrases.GetReasonPhrase(status));
            writer.WriteEndObject();
        });
        return response.Body.WriteAsync(line, 0, line.Length);
    }

    private static void Prepare(HttpResponse response, StatusCode code, string text)
    {
        response.StatusCode = HttpStatusOf.Code(code);
        response.ContentType = JsonType;
        if (code == StatusCode.Unauthenticated)
        {
            response.Headers.WWWAuthenticate = text;
        }
    }

    private static byte[] Json(Action<Utf8JsonWriter> members)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = JsonText.To(buffer))
        {
            writer.WriteStartObject();
            members(writer);
            writer.WriteEndObject();
        }

        return buffer.WrittenSpan.ToArray();
    }
}
