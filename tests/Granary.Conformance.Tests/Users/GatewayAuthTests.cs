using System.Text;
using System.Text.Json;

namespace Granary.Conformance.Tests.Users;

/// <summary>Who is who through the gateway: by the header Authorization, and by nothing else that a header may say.</summary>
public sealed class GatewayAuthTests(AuthPair pair) : AuthTest(pair), IClassFixture<AuthPair>
{
    private const string Mine = """{"key":"bWluZQ=="}""";
    private const string Yours = """{"key":"eW91cnM="}""";

    [Fact]
    public async Task Calls_by_http_have_the_rights_of_their_token()
    {
        await Enable();
        await Root(AddUser("ann", "a"), AddRole("r"), GrantRole("ann", "r"), Grant("r", Permission.Types.Type.Readwrite, "mine"), Requests.Put("yours"));
        var told = new List<string>();
        foreach (var server in (Server[])[Pair.Etcd, Pair.Subject])
        {
            using var http = new HttpClient { BaseAddress = new Uri(server.Address) };
            var (_, ann) = await Call(http, "/v3/auth/authenticate", """{"name":"ann","password":"a"}""");
            var token = ann.GetProperty("token").GetString()!;
            var (_, root) = await Call(http, "/v3/auth/authenticate", $$"""{"name":"root","password":"{{AuthPair.RootPassword}}"}""");
            var rootToken = root.GetProperty("token").GetString()!;
            foreach (var (name, value) in ((string, string)[])
                [
                    ("Authorization", token), ("Authorization", "forged.1"), ("Authorization", ""), ("Grpc-Metadata-Token", token), ("Grpc-Metadata-Authorization", token),
                    ("Token", token), ("Username", "root"), ("Grpc-Metadata-Username", "root"), ("X-None", "x"),
                ])
            {
                foreach (var (path, body) in ((string, string)[])
                    [
                        ("/v3/kv/range", Mine), ("/v3/kv/range", Yours), ("/v3/kv/put", Mine), ("/v3/kv/put", Yours), ("/v3/kv/deleterange", Yours),
                        ("/v3/kv/txn", $$"""{"success":[{"requestRange":{{Yours}}}]}"""), ("/v3/lease/grant", """{"TTL":100,"ID":77}"""), ("/v3/lease/revoke", """{"ID":77}"""),
                        ("/v3/auth/user/list", "{}"), ("/v3/auth/user/get", """{"name":"ann"}"""), ("/v3/cluster/member/list", "{}"), ("/v3/kv/compaction", """{"revision":1}"""),
                        ("/v3/auth/status", "{}"), ("/v3/auth/disable", "{}"),
                    ])
                {
                    var (status, answer) = await Call(http, path, body, (name, value));
                    told.Add($"{name} {(value == token ? "ann's" : value)} {path} {body}: {status} {(answer.TryGetProperty("message", out var message) ? message : "")}");
                }
            }

            // Of two tokens the one in the metadata of that name counts.
            using var both = new HttpRequestMessage(HttpMethod.Post, "/v3/auth/user/list") { Content = new StringContent("{}", Encoding.UTF8, "application/json") };
            both.Headers.TryAddWithoutValidation("Authorization", rootToken);
            both.Headers.TryAddWithoutValidation("Grpc-Metadata-Token", token);
            told.Add($"both: {(int)(await http.SendAsync(both, Cancellation)).StatusCode}");
        }

        Assert.Equal(told.Take(told.Count / 2), told.Skip(told.Count / 2));
        Assert.Contains(told, line => line.EndsWith(": 200 ", StringComparison.Ordinal));
    }

    private static async Task<(int Status, JsonElement Answer)> Call(HttpClient http, string path, string body, (string Name, string Value)? header = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = new StringContent(body, Encoding.UTF8, "application/json") };
        if (header is var (name, value))
        {
            request.Headers.TryAddWithoutValidation(name, value);
        }

        using var response = await http.SendAsync(request, Cancellation);
        return ((int)response.StatusCode, JsonDocument.Parse(await response.Content.ReadAsStringAsync(Cancellation)).RootElement);
    }
}
