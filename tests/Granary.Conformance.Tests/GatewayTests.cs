using System.Text;
using Xunit.Sdk;

namespace Granary.Conformance.Tests;

/// <summary>The same HTTP requests to etcd's gateway and to ours: status, headers and bodies.</summary>
public sealed class GatewayTests(DefaultPair pair) : ConformanceTest(pair), IClassFixture<DefaultPair>
{
    private static readonly HttpClient Http = new();

    [Fact]
    public async Task Puts_ranges_deletes_and_txns_are_answered_alike()
    {
        await Same("/v3/kv/put", """{"key":"Zm9v","value":"YmFy"}""");
        await Same("/v3/kv/put", """{"key":"Zm9v","value":"YmF6","prev_kv":true}""");
        await Same("/v3/kv/put", """{"key":"Zm9v","value":"","prevKv":true}""");
        await Same("/v3/kv/range", """{"key":"Zm9v"}""");
        await Same("/v3/kv/range", """{"key":"AA==","range_end":"AA==","limit":"1","sort_order":"DESCEND","sort_target":"MOD"}""");
        await Same("/v3/kv/range", """{"key":"AA==","rangeEnd":"AA==","limit":1,"sortOrder":2,"keysOnly":true}""");
        await Same("/v3/kv/range", """{"key":"AA==","range_end":"AA==","count_only":true}""");
        await Same("/v3/kv/range", """{"key":"bm9uZQ=="}""");
        await Same("/v3beta/kv/range", """{"key":"Zm9v"}""");
        await Same("/v3/kv/txn", """
            {"compare":[{"target":"VALUE","key":"Zm9v","value":"bm8="},{"target":"CREATE","key":"Zm9v","create_revision":"0"}],
             "success":[{"request_put":{"key":"Zm9v","value":"YQ=="}}],
             "failure":[{"request_txn":{"compare":[{"key":"eA==","result":"EQUAL","target":"VERSION","version":"0"}],
                         "success":[{"request_put":{"key":"eA==","value":"MQ=="}},{"request_range":{"key":"Zm9v"}}]}}]}
            """);
        await Same("/v3/kv/txn", """{"success":[{"request_delete_range":{"key":"eA==","prev_kv":true}}]}""");
        await Same("/v3/kv/txn", "{}");
        await Same("/v3/kv/deleterange", """{"key":"AA==","range_end":"AA==","prev_kv":true}""");
        await Same("/v3/kv/deleterange", """{"key":"AA==","range_end":"AA=="}""");
        await Same("/v3/kv/compaction", $$"""{"revision":"{{Start + 2}}","physical":true}""");
    }

    [Theory]
    [InlineData("/v3/kv/range", """{}""")]
    [InlineData("/v3/kv/range", "")]
    [InlineData("/v3/kv/range", """{"key":"Zm9v","revision":"9999999"}""")]
    [InlineData("/v3/kv/range", """{"key":"Zm9v","revision":1}""")]
    [InlineData("/v3/kv/put", """{"key":"Zm9v","lease":"77"}""")]
    [InlineData("/v3/kv/put", """{"key":"Zm9v","ignore_value":true}""")]
    [InlineData("/v3/kv/txn", """{"success":[{}]}""")]
    [InlineData("/v3/kv/compaction", """{"revision":"9999999"}""")]
    [InlineData("/v3/lease/revoke", """{"ID":"99"}""")]
    [InlineData("/v3/kv/lease/revoke", """{"ID":99}""")]
    [InlineData("/v3/lease/grant", """{"TTL":"9000000001"}""")]
    [InlineData("/v3/election/leader", """{"name":"bm8="}""")]
    [InlineData("/v3/election/proclaim", "{}")]
    [InlineData("/v3/lock/unlock", "{}")]
    public Task Refusals_have_the_status_and_the_body_that_etcd_gives_them(string path, string json) => Same(path, json);

    [Theory]
    [InlineData("""[]""")]
    [InlineData("""12""")]
    [InlineData("""-1.5e3 {}""")]
    [InlineData(""" "text" """)]
    [InlineData("""null""")]
    [InlineData("""xyz""")]
    [InlineData("""{"key":"Zm9v" """)]
    [InlineData("""{"key":"Zm9v",}""")]
    [InlineData("""{"key":}""")]
    [InlineData("""{key:1}""")]
    [InlineData("""{'key':1}""")]
    [InlineData("""{"key" 1}""")]
    [InlineData("""{"key":"Zm9v" "limit":1}""")]
    [InlineData("""{"limit":01}""")]
    [InlineData("""{"limit":1.x}""")]
    [InlineData("""{"limit":1e+}""")]
    [InlineData("""{"limit":-}""")]
    [InlineData("""{"serializable":tru}""")]
    [InlineData("""{"nobody":[1 2]}""")]
    [InlineData("""{"nobody":[1,]}""")]
    [InlineData("""{"key":"\x"}""")]
    [InlineData("""{"key":"\u12g4"}""")]
    [InlineData("{\"key\":\"a\tb\"}")]
    [InlineData("{\"key\":\u0001}")]
    [InlineData("{\"key\":\u007f}")]
    [InlineData("{\"key\":\u00e9}")]
    [InlineData("{\"nobody\":\"\u00e9\u00e9\",\n\"\u00e9\":1,\"key\":1}")]
    [InlineData("""{"key":"Zm9v*"}""")]
    [InlineData("""{"key":"Zm9v","limit":1.5}""")]
    [InlineData("""{"key":"Zm9v","limit":"x"}""")]
    [InlineData("""{"key":"Zm9v","limit":"+1"}""")]
    [InlineData("""{"key":"Zm9v","limit":"01"}""")]
    [InlineData("""{"key":"Zm9v","limit":"1."}""")]
    [InlineData("""{"key":"Zm9v","limit":1e-1}""")]
    [InlineData("""{"key":"Zm9v","limit":1e99999999999}""")]
    [InlineData("""{"key":"Zm9v","limit":1.00000000000000000000000000000000000000001}""")]
    [InlineData("""{"key":"Zm9v","limit":99999999999999999999}""")]
    [InlineData("""{"key":"Zm9v","sort_order":true}""")]
    [InlineData("""{"key":12}""")]
    [InlineData("""{"key":{"a":1}}""")]
    [InlineData("""{"key":"Zm9v","key":"Zm9v"}""")]
    [InlineData("""{"key":"Zm9v","serializable":"true"}""")]
    [InlineData("""{"key":["Zm9v"]}""")]
    [InlineData("{\"key\":\"\\\"<>&'/\\u2028\u2028\u00e9\ud83d\ude00\u007f\\\\\"}")]
    public Task Bodies_that_are_no_request_are_refused_alike(string json) => Same("/v3/kv/range", json);

    [Theory]
    [InlineData("""{"compare":5}""")]
    [InlineData("""{"compare":[null]}""")]
    [InlineData("""{"success":[{"request_put":5}]}""")]
    [InlineData("""{"success":[{"request_put":{},"request_range":{"key":"Zm9v"}}]}""")]
    public Task Bodies_in_which_a_message_is_something_else_are_refused_alike(string json) => Same("/v3/kv/txn", json);

    [Theory]
    [InlineData("/v3/maintenance/snapshot", """{"a":}""")]
    [InlineData("/v3/election/observe", """{"name":"*<&>"}""")]
    [InlineData("/v3/lease/keepalive", """{"ID":0}""")]
    public Task Streams_that_never_begin_are_refused_alike(string path, string json) => Same(path, json);

    // Either alphabet and any length, with padding and without; all of them in the key and in the value.
    [Theory]
    [InlineData("Zg==")]
    [InlineData("Zg")]
    [InlineData("Zm8=")]
    [InlineData("Zm8")]
    [InlineData("Zm9v")]
    [InlineData("Zm9")]
    [InlineData("Zh==")]
    [InlineData("Zm9v_-")]
    [InlineData("-_-_")]
    [InlineData("-_8")]
    [InlineData("-_8=")]
    [InlineData("+/8")]
    [InlineData("+/+/")]
    [InlineData("+_+_")]
    [InlineData("-_-_==")]
    [InlineData("Zg=")]
    [InlineData("Zm8==")]
    [InlineData("Zm9v=")]
    [InlineData("Z")]
    [InlineData("Z===")]
    [InlineData("====")]
    [InlineData("Zm8 ")]
    [InlineData("Zm9v\\n")]
    [InlineData("Zm\\r\\n9v")]
    [InlineData("Zm8=\\n")]
    [InlineData("Zm8=\\n\\n\\n\\n")]
    [InlineData("Zm8\\n")]
    [InlineData("Z\\u006d8")]
    public async Task Bytes_are_read_in_every_form_of_base64_that_etcd_reads(string base64)
    {
        await Same("/v3/kv/put", $$"""{"key":"{{base64}}","value":"{{base64}}"}""");
        await Same("/v3/kv/txn", $$$"""{"compare":[{"key":"{{{base64}}}","target":"VALUE","value":"{{{base64}}}"}],"success":[{"request_range":{"key":"{{{base64}}}"}}]}""");
        await Same("/v3/kv/range", """{"key":"AA==","range_end":"AA=="}""");
    }

    [Fact]
    public async Task A_oneof_may_be_set_once() => await Same(
        "/v3/kv/txn", """{"compare":[{"target":"CREATE","create_revision":"0","version":"1","key":"Zm9v"}]}""");

    [Theory]
    [InlineData("""{"key":"Zm9v","limit":1.0}""")]
    [InlineData("""{"key":"Zm9v","limit":1e0}""")]
    [InlineData("""{"key":"Zm9v","limit":null}""")]
    [InlineData("""{"key":"Zm9v","limit":"10e-1"}""")]
    [InlineData("""{"key":"Zm9v","limit":-0}""")]
    [InlineData("""{"key":"Zm9v","limit":9223372036854775807}""")]
    [InlineData("""{"key":"Zm9v","limit":100000000000000000000000000000000000000000000000e-45}""")]
    [InlineData("""{"key":"Zm9v"}garbage""")]
    [InlineData("""{"key":"Zm9v","nobody":{"knows":["this"]}}""")]
    [InlineData("""{"key":"Zm9v","sort_order":"UP"}""")]
    [InlineData("""{"key":"Zm8"}""")]
    [InlineData("""{"key":"Zm9v"}{"key":"second"}""")]
    [InlineData("""  {"key":"-_-_"}  """)]
    [InlineData("""{"key":"Zm9v","LIMIT":"x"}""")]
    public async Task What_etcd_lets_pass_passes(string json)
    {
        await Same("/v3/kv/put", """{"key":"Zm9v","value":"YmFy"}""");
        await Same("/v3/kv/range", json);
    }

    [Theory]
    [InlineData("GET", "/v3/kv/range")]
    [InlineData("PUT", "/v3/kv/range")]
    [InlineData("GET", "/v3/watch")]
    [InlineData("POST", "/v3/kv/range/")]
    [InlineData("POST", "/v3/nope")]
    [InlineData("GET", "/v3/nope")]
    [InlineData("OPTIONS", "/v3/nope")]
    [InlineData("OPTIONS", "/health")]
    [InlineData("GET", "/")]
    [InlineData("GET", "/v2/keys")]
    [InlineData("POST", "/v3alpha/kv/range")]
    [InlineData("GET", "/health")]
    [InlineData("POST", "/health")]
    [InlineData("GET", "/health/")]
    [InlineData("GET", "/health?serializable=true")]
    [InlineData("GET", "/health?exclude=NOSPACE&exclude=whatever")]
    [InlineData("GET", "/livez")]
    [InlineData("GET", "/livez?verbose")]
    [InlineData("GET", "/livez?exclude=serializable_read&verbose")]
    [InlineData("GET", "/livez/serializable_read")]
    [InlineData("GET", "/livez/data_corruption")]
    [InlineData("POST", "/livez")]
    [InlineData("GET", "/readyz")]
    [InlineData("GET", "/readyz/data_corruption?verbose")]
    [InlineData("GET", "/readyz/linearizable_read")]
    [InlineData("GET", "/readyz/nobody")]
    [InlineData("POST", "/version")]
    [InlineData("POST", "/debug/vars")]
    public Task Paths_and_methods_are_answered_alike(string method, string path) => Same(path, method == "POST" ? "{}" : null, method);

    [Fact]
    public async Task Requests_that_are_too_large_are_refused_alike()
    {
        await Same("/v3/kv/put", $$"""{"key":"Zm9v","value":"{{Convert.ToBase64String(new byte[1_700_000])}}"}""");
        await Same("/v3/kv/put", $$"""{"key":"Zm9v","value":"{{Convert.ToBase64String(new byte[3_000_000])}}"}""");
    }

    [Fact]
    public async Task A_time_limit_that_is_none_is_refused_alike()
    {
        await Same("/v3/kv/range", """{"key":"Zm9v"}""", header: ("Grpc-Timeout", "xx"));
        await Same("/v3/kv/range", """{"key":"Zm9v"}""", header: ("Grpc-Timeout", "10S"));
    }

    [Fact]
    public async Task Leases_live_and_are_listed_alike()
    {
        await Same("/v3/lease/grant", """{"TTL":600,"ID":7587862094297233923}""");
        await Same("/v3/lease/grant", """{"TTL":"600","ID":"7587862094297233923"}""");
        await Same("/v3/kv/put", """{"key":"Zm9v","lease":"7587862094297233923"}""");
        await Same("/v3/lease/keepalive", """{"ID":"7587862094297233923"}""");
        await Same("/v3/lease/keepalive", """{"ID":78}{"ID":"7587862094297233923"}""");
        await Same("/v3/lease/keepalive", "");
        await Same("/v3/lease/leases", "{}");
        await Same("/v3/kv/lease/leases", "{}");
        await Same("/v3/kv/lease/timetolive", """{"ID":"1"}""");
        await Same("/v3/lease/revoke", """{"ID":"7587862094297233923"}""");
    }

    [Fact]
    public async Task A_watch_streams_the_same_lines_each_as_soon_as_it_happens()
    {
        var watches = $$$"""
            {"create_request":{"key":"Zg==","range_end":"Zw==","start_revision":"{{{Start + 1}}}","prev_kv":true}}
            {"create_request":{"key":"Zm9v"}}{"create_request":{"key":"Yg==","range_end":"YQ=="}}
            """;
        using var etcd = await Lines.Open(Pair.Etcd, "/v3/watch", watches, Cancellation);
        using var subject = await Lines.Open(Pair.Subject, "/v3/watch", watches, Cancellation);
        await SameLines(3);
        await Same("/v3/kv/put", """{"key":"Zm9v","value":"YmFy"}""");
        await SameLines(2);
        await Same("/v3/kv/txn", """{"success":[{"request_put":{"key":"ZmE="}},{"request_put":{"key":"ZmI="}}]}""");
        await SameLines(1);
        await Same("/v3/kv/deleterange", """{"key":"Zm9v"}""");
        await SameLines(2);

        // Lines of different watchers that are told of one revision come in any order.
        async Task SameLines(int count)
        {
            var expected = (await etcd.Next(count, Cancellation)).Order(StringComparer.Ordinal);
            Assert.Equal(expected, (await subject.Next(count, Cancellation)).Order(StringComparer.Ordinal));
        }
    }

    [Fact]
    public async Task A_watch_behind_the_compaction_is_told_so()
    {
        await Same("/v3/kv/put", """{"key":"Zm9v"}""");
        await Same("/v3/kv/put", """{"key":"Zm9v"}""");
        await Same("/v3/kv/compaction", $$"""{"revision":"{{Start + 2}}"}""");
        var watch = $$$"""{"create_request":{"key":"Zm9v","start_revision":"{{{Start + 1}}}"}}""";
        using var etcd = await Lines.Open(Pair.Etcd, "/v3/watch", watch, Cancellation);
        using var subject = await Lines.Open(Pair.Subject, "/v3/watch", watch, Cancellation);
        Assert.Equal(await etcd.Next(2, Cancellation), await subject.Next(2, Cancellation));
    }

    private async Task Same(string path, string? json, string method = "POST", (string Name, string Value)? header = null)
    {
        var etcd = await Ask(Pair.Etcd, path, json, method, header);
        var subject = await Ask(Pair.Subject, path, json, method, header);
        if (etcd != subject)
        {
            throw new XunitException($"{method} {path} {json?[..Math.Min(json.Length, 500)]}\netcd:    {etcd}\nsubject: {subject}");
        }
    }

    private static async Task<GatewayAnswer> Ask(Server server, string path, string? json, string method, (string Name, string Value)? header)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), server.Address + path);
        request.Content = json is null ? null : new StringContent(json, Encoding.UTF8, "application/x-www-form-urlencoded");
        if (header is { } more)
        {
            request.Headers.Add(more.Name, more.Value);
        }

        using var response = await Http.SendAsync(request, Cancellation);
        return await GatewayAnswer.Of(response, Cancellation);
    }

    /// <summary>The lines of one answer that goes on.</summary>
    private sealed class Lines(HttpResponseMessage response, StreamReader reader) : IDisposable
    {
        public static async Task<Lines> Open(Server server, string path, string json, CancellationToken cancellationToken)
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, server.Address + path) { Content = new StringContent(json) };
            var response = await Http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
            Assert.Equal("application/json", response.Content.Headers.ContentType?.ToString());
            return new Lines(response, new StreamReader(await response.Content.ReadAsStreamAsync(cancellationToken)));
        }

        public async Task<List<string>> Next(int count, CancellationToken cancellationToken)
        {
            var lines = new List<string>();
            while (lines.Count < count && await reader.ReadLineAsync(cancellationToken).AsTask().WaitAsync(TimeSpan.FromSeconds(60), cancellationToken) is { } line)
            {
                if (line.Length > 0)
                {
                    lines.Add(GatewayAnswer.Lines(line));
                }
            }

            return lines;
        }

        public void Dispose()
        {
            reader.Dispose();
            response.Dispose();
        }
    }
}
