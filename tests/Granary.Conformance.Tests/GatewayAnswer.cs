using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace Granary.Conformance.Tests;

/// <summary>What a server said to one HTTP request: status, the headers that clients look at, and the body, JSON by what it means.</summary>
internal sealed partial record GatewayAnswer(int Status, string Headers, string Body)
{
    private static readonly string[] Watched =
    [
        "content-type", "grpc-metadata-content-type", "access-control-allow-origin", "access-control-allow-methods", "access-control-allow-headers",
        "allow", "x-content-type-options", "www-authenticate",
    ];

    // Who answers, and when it was founded: no two servers share it.
    private static readonly HashSet<string> Ids = ["cluster_id", "member_id", "raft_term"];

    public static async Task<GatewayAnswer> Of(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        var headers = response.Headers.Concat(response.Content.Headers)
            .Where(header => Watched.Contains(header.Key.ToLowerInvariant()))
            .OrderBy(header => header.Key, StringComparer.OrdinalIgnoreCase)
            .Select(header => $"{header.Key.ToLowerInvariant()}: {string.Join(',', header.Value)}");
        return new GatewayAnswer((int)response.StatusCode, string.Join('\n', headers), Lines(await response.Content.ReadAsStringAsync(cancellationToken)));
    }

    /// <summary>Each line of a body, in the form in which two are compared.</summary>
    public static string Lines(string body) => string.Join('\n', body.Split('\n').Select(Line));

    private static string Line(string line)
    {
        try
        {
            return JsonNode.Parse(line) is { } node ? Canonical(node) : line;
        }
        catch (JsonException)
        {
            return line;
        }
    }

    private static string Canonical(JsonNode node)
    {
        var text = new StringBuilder();
        Write(node, text, "");
        return text.ToString();
    }

    private static void Write(JsonNode? node, StringBuilder text, string name)
    {
        switch (node)
        {
            case JsonObject members:
                text.Append('{');

                // Granary has the names of both generations of gateways in its errors: what this etcd has must be among them.
                foreach (var (key, value) in members.Where(member => !IsOfOtherGeneration(members, member.Key)).OrderBy(member => member.Key, StringComparer.Ordinal))
                {
                    text.Append(key).Append(':');
                    Write(value, text, key);
                    text.Append(' ');
                }

                text.Append('}');
                break;
            case JsonArray items:
                text.Append('[');
                foreach (var item in items)
                {
                    Write(item, text, name);
                    text.Append(' ');
                }

                text.Append(']');
                break;
            default:
                text.Append(Ids.Contains(name) ? "ID" : name == "message" ? Spaces().Replace(node!.ToString(), " ") : node?.ToJsonString());
                break;
        }
    }

    private static bool IsOfOtherGeneration(JsonObject members, string key) =>
        members.ContainsKey("message") && key is "error" or "grpc_code" or "http_code" or "http_status";

    [GeneratedRegex(@"[\s\u00a0]+")]
    private static partial Regex Spaces();
}
