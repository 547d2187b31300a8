using System.Text.Json;
using Google.Protobuf;
using Grpc.Core;

namespace Granary.Server.Audit;

/// <summary>One call in the audit log.</summary>
/// <param name="Method">Service and method.</param>
/// <param name="User">The user, or null for nobody; of a login the one who is named.</param>
/// <param name="Peer">Where the call came from.</param>
/// <param name="Request">What was asked for; its ranges are written, its values never.</param>
/// <param name="Status">What came of it.</param>
/// <param name="Trace">The trace id, or null.</param>
internal readonly record struct AuditEntry(string Method, string? User, string Peer, IMessage? Request, Status Status, string? Trace)
{
    public void WriteTo(Utf8JsonWriter json, DateTimeOffset time)
    {
        json.WriteStartObject();
        json.WriteString("time", time.UtcDateTime);
        json.WriteString("method", Method);
        if (User is not null)
        {
            json.WriteString("user", User);
        }

        json.WriteString("peer", Peer);
        json.WriteString("result", Status.StatusCode.ToString());
        if (Status.StatusCode != StatusCode.OK)
        {
            json.WriteString("error", Status.Detail);
        }

        if (Trace is not null)
        {
            json.WriteString("trace", Trace);
        }

        if (Request is not null)
        {
            AuditedRequest.Write(json, Request);
        }

        json.WriteEndObject();
    }
}
