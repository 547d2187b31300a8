using System.Text.RegularExpressions;

namespace Granary.Conformance.Tests;

/// <summary>What a server said to one HTTP request: status, the headers that clients look at, and the body, to the byte.</summary>
internal sealed partial record GatewayAnswer(int Status, string Headers, string Body)
{
    private static readonly string[] Watched =
    [
        "content-type", "grpc-metadata-content-type", "access-control-allow-origin", "access-control-allow-methods", "access-control-allow-headers",
        "allow", "x-content-type-options", "www-authenticate",
    ];

    public static async Task<GatewayAnswer> Of(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        var headers = response.Headers.Concat(response.Content.Headers)
            .Where(header => Watched.Contains(header.Key.ToLowerInvariant()))
            .OrderBy(header => header.Key, StringComparer.OrdinalIgnoreCase)
            .Select(header => $"{header.Key.ToLowerInvariant()}: {string.Join(',', header.Value)}");
        return new GatewayAnswer((int)response.StatusCode, string.Join('\n', headers), Lines(await response.Content.ReadAsStringAsync(cancellationToken)));
    }

    /// <summary>A body without what no two servers share, and without what Go's library chooses anew for each build of a program.</summary>
    public static string Lines(string body)
    {
        body = Ids().Replace(body, "$1:\"ID\"");

        // So that nobody relies on it, that library puts a blank behind commas, or not, and one of two blanks behind its name.
        body = Texts().Replace(body, static match => match.Value == ", " ? "," : match.Value).Replace("proto:\u00a0", "proto: ", StringComparison.Ordinal);

        // Granary has the names of both generations of gateways in its errors: those of this one must say what the other ones say.
        body = BothErrors().Replace(body, "{$2:$1}");
        return BothStreamErrors().Replace(body, "{\"error\":{$1}}");
    }

    // Who answers, and when it was founded.
    [GeneratedRegex("""("(?:cluster_id|member_id|raft_term)"):"\d+" """, RegexOptions.IgnorePatternWhitespace)]
    private static partial Regex Ids();

    [GeneratedRegex(""" "(?:[^"\\]|\\.)*" | ,\ """, RegexOptions.IgnorePatternWhitespace)]
    private static partial Regex Texts();

    [GeneratedRegex(""" \{"error":("(?:[^"\\]|\\.)*"),("code":\d+,"message"):\1\} """, RegexOptions.IgnorePatternWhitespace)]
    private static partial Regex BothErrors();

    [GeneratedRegex(""" \{"error":\{"grpc_code":\d+,"http_code":\d+,("code":\d+,"message":"(?:[^"\\]|\\.)*"),"http_status":"[A-Za-z ]*"\}\} """, RegexOptions.IgnorePatternWhitespace)]
    private static partial Regex BothStreamErrors();
}
