using System.Net;
using System.Text.RegularExpressions;

namespace Granary.Console.Tests;

/// <summary>How the files of the console are served, and when they are not.</summary>
public sealed class FilesTests
{
    private static readonly HttpClient Http = new(new SocketsHttpHandler { AllowAutoRedirect = false });

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task All_of_it_is_small_and_compressed_and_kept_as_long_as_it_is_the_same()
    {
        await using var server = await Start();
        using var index = await Get(server, "/console/", "br");
        Assert.Equal(("text/html", "br", "no-cache"), (index.Content.Headers.ContentType!.MediaType, Assert.Single(index.Content.Headers.ContentEncoding), index.Headers.CacheControl!.ToString()));
        var html = await PlainHttp.Get($"{server.Address}/console/", Stop);
        var assets = Regex.Matches(html, "(?:src|href)=\"\\./(assets/[^\"]+)\"").Select(static match => match.Groups[1].Value).ToList();
        Assert.Equal(3, assets.Count);
        var bytes = index.Content.Headers.ContentLength!.Value;
        foreach (var asset in assets)
        {
            using var plain = await Get(server, $"/console/{asset}", "identity");
            using var packed = await Get(server, $"/console/{asset}", "br");
            using var zipped = await Get(server, $"/console/{asset}", "gzip, br;q=0");
            Assert.Empty(plain.Content.Headers.ContentEncoding);
            Assert.Equal(["br"], packed.Content.Headers.ContentEncoding);
            Assert.Equal(["gzip"], zipped.Content.Headers.ContentEncoding);
            Assert.Contains("immutable", packed.Headers.CacheControl!.ToString(), StringComparison.Ordinal);
            Assert.Contains("Accept-Encoding", packed.Headers.Vary);
            Assert.Equal(plain.Headers.ETag, packed.Headers.ETag);
            bytes += packed.Content.Headers.ContentLength!.Value;
        }

        TestContext.Current.TestOutputHelper!.WriteLine($"{bytes} bytes over the wire");
        Assert.InRange(bytes, 1, 250_000);
    }

    [Fact]
    public async Task Who_has_a_file_is_not_sent_it_again_and_HEAD_has_no_body()
    {
        await using var server = await Start();
        using var first = await Get(server, "/console/", "identity");
        using var again = new HttpRequestMessage(HttpMethod.Get, $"{server.Address}/console/");
        again.Headers.IfNoneMatch.Add(first.Headers.ETag!);
        using var same = await Http.SendAsync(again, Stop);
        Assert.Equal(HttpStatusCode.NotModified, same.StatusCode);
        using var head = await Http.SendAsync(new HttpRequestMessage(HttpMethod.Head, $"{server.Address}/console/"), Stop);
        Assert.Equal((HttpStatusCode.OK, first.Content.Headers.ContentLength), (head.StatusCode, head.Content.Headers.ContentLength));
        Assert.Empty(await head.Content.ReadAsByteArrayAsync(Stop));
    }

    [Fact]
    public async Task Every_answer_says_that_nothing_else_may_be_loaded_or_run()
    {
        await using var server = await Start();
        foreach (var (path, status) in ((string, HttpStatusCode)[])
        [
            ("/console/", HttpStatusCode.OK), ("/console/settings.json", HttpStatusCode.OK), ("/console/history", HttpStatusCode.OK),
            ("/console", HttpStatusCode.PermanentRedirect), ("/console/assets/nothing.js", HttpStatusCode.NotFound),
        ])
        {
            using var answer = await Get(server, path, "identity");
            Assert.Equal((path, status), (path, answer.StatusCode));
            Assert.Equal(
                "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
                Assert.Single(answer.Headers.GetValues("Content-Security-Policy")));
            Assert.Equal("nosniff", Assert.Single(answer.Headers.GetValues("X-Content-Type-Options")));
            Assert.Equal("no-referrer", Assert.Single(answer.Headers.GetValues("Referrer-Policy")));
            Assert.Equal("same-origin", Assert.Single(answer.Headers.GetValues("Cross-Origin-Opener-Policy")));
        }
    }

    [Fact]
    public async Task It_takes_nothing()
    {
        await using var server = await Start();
        using var answer = await Http.PostAsync($"{server.Address}/console/", new StringContent(""), Stop);
        Assert.Equal(HttpStatusCode.MethodNotAllowed, answer.StatusCode);
    }

    [Fact]
    public async Task It_can_be_shut()
    {
        await using var server = await Start("--enable-console=false");
        foreach (var path in (string[])["/console", "/console/", "/console/settings.json", "/console/history"])
        {
            using var answer = await Get(server, path, "identity");
            Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
        }
    }

    [Fact]
    public async Task Without_the_gateway_it_says_what_is_missing()
    {
        await using var server = await Start("--enable-grpc-gateway=false");
        Assert.Contains("--enable-grpc-gateway", await PlainHttp.Get($"{server.Address}/console/", Stop), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--console-read-only", "true")]
    [InlineData("--console-read-only=false", "false")]
    public async Task The_page_is_told_whether_it_may_write(string flag, string told)
    {
        await using var server = await Start(flag);
        Assert.StartsWith($$"""{"readOnly":{{told}},"version":""", await PlainHttp.Get($"{server.Address}/console/settings.json", Stop), StringComparison.Ordinal);
    }

    private static Task<Server> Start(params string[] flags) => Server.Start(Product.Granary, Stop, ["--engine", "memory", .. flags]);

    private static async Task<HttpResponseMessage> Get(Server server, string path, string coding)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, server.Address + path);
        request.Headers.AcceptEncoding.ParseAdd(coding);
        return await Http.SendAsync(request, Stop);
    }
}
