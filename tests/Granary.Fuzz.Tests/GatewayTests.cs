using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Google.Api;
using Google.Protobuf;
using Google.Protobuf.Reflection;
using Granary.Server.Facade;
using Grpc.Core;

namespace Granary.Fuzz.Tests;

/// <summary>JSON to the gateway that says anything, or is none; paths, methods and headers that are wrong: each has its answer.</summary>
public sealed class GatewayTests(FuzzedServer server) : IClassFixture<FuzzedServer>
{
    private const int BetweenLooks = 200;

    private static readonly Dictionary<string, MethodDescriptor> Methods = EtcdServices.All.SelectMany(service => service.Methods)
        .Where(method => method.GetOptions()?.GetExtension(AnnotationsExtensions.Http) is not null)
        .ToDictionary(method => method.GetOptions().GetExtension(AnnotationsExtensions.Http).Post);

    // What JSON is made of, and what is like it.
    private static readonly string[] Tokens =
    [
        "{", "}", "[", "]", ":", ",", "\"", "null", "true", "\"a\"", "\"AA==\"", "\"\\ud800\"", "\"\\u0000\"", "-0", "1e400", "1.5", "9223372036854775808", "\"-1\"", "0x1", "NaN",
        "\"key\":", "\"create_request\":{", "\"range_end\":", " ", "\n", "\ufeff", "/**/", "'a'", new string('[', 5000), string.Concat(Enumerable.Repeat("{\"a\":", 3000)),
    ];

    private static readonly string[] Names =
        ["Authorization", "Content-Type", "Accept", "Grpc-Timeout", "Connection", "Expect", "Origin", "Upgrade", "Content-Encoding", "Grpc-Metadata-a", "X"];

    private static readonly string[] Values = ["", "x", "application/grpc", "application/json", "1S", "-1S", "99999999999S", "100-continue", "websocket", "close", "gzip", "ä"];

    private int _calls;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Bodies()
    {
        using var client = new HttpClient(new SocketsHttpHandler { UseProxy = false, ResponseDrainTimeout = TimeSpan.Zero }) { BaseAddress = new Uri(server.Server.Address) };
        await FuzzRun.Try(
            "bodies to the gateway",
            mutator =>
            {
                var (path, method) = CallOracle.Choose([.. Methods], mutator);
                return new FuzzInput(path, Body(method, mutator));
            },
            async input =>
            {
                await Post(client, input);
                await LookNowAndThen();
            });
        await server.MustBeWell();
    }

    [Fact]
    public async Task Heads()
    {
        await FuzzRun.Try(
            "heads of requests to the gateway",
            mutator =>
            {
                var (path, method) = mutator.Of(Methods.Where(method => !Lasts(method.Value)).ToList());
                return new FuzzInput(path, Request(path, Body(method, mutator), mutator));
            },
            async input =>
            {
                await MustBeAnswered(input.To, input.Bytes);
                await LookNowAndThen();
            });
        await server.MustBeWell();
    }

    private static bool Lasts(MethodDescriptor method) => method.IsServerStreaming || CallOracle.Waits(method);

    private async Task LookNowAndThen()
    {
        if (++_calls % BetweenLooks == 1)
        {
            await server.MustBeWell();
        }
    }

    private static async Task Post(HttpClient client, FuzzInput input)
    {
        var method = Methods[input.To];
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(Stop);
        deadline.CancelAfter(Lasts(method) ? CallOracle.Patience : FuzzedServer.Deadline);
        try
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, input.To) { Content = new ByteArrayContent(input.Bytes) };
            using var response = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, deadline.Token);
            var body = new StreamReader(await response.Content.ReadAsStreamAsync(deadline.Token));
            var text = method.IsServerStreaming ? await body.ReadLineAsync(deadline.Token) ?? "{}" : await body.ReadToEndAsync(deadline.Token);
            MustBeAnAnswer(response.StatusCode, text, method);
        }
        catch (OperationCanceledException) when (Lasts(method) && !Stop.IsCancellationRequested)
        {
            // Nothing came to end it.
        }
    }

    private static void MustBeAnAnswer(HttpStatusCode status, string text, MethodDescriptor method)
    {
        using var json = JsonDocument.Parse(text);
        var error = json.RootElement.TryGetProperty("error", out var inStream) && inStream.ValueKind == JsonValueKind.Object ? inStream : json.RootElement;
        if (status == HttpStatusCode.OK && !error.TryGetProperty("code", out _))
        {
            return;
        }

        CallOracle.MustBeMapped((StatusCode)error.GetProperty("code").GetInt32(), error.GetProperty("message").GetString()!, Lasts(method));
    }

    /// <summary>A request of HTTP/1.1 that ends where it says, whatever else is in it, has an answer of HTTP.</summary>
    private async Task MustBeAnswered(string path, byte[] request)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(Stop);
        deadline.CancelAfter(FuzzedServer.Deadline);
        using var client = new TcpClient();
        await client.ConnectAsync(IPEndPoint.Parse(server.Server.Endpoint), deadline.Token);
        var stream = client.GetStream();
        await stream.WriteAsync(request, deadline.Token);
        var reader = new StreamReader(stream, Encoding.UTF8);
        var line = await reader.ReadLineAsync(deadline.Token);
        Assert.Matches("^HTTP/1.[01] [1-5][0-9][0-9] ", line);
        if (line!.Contains(" 500 ", StringComparison.Ordinal))
        {
            // etcd's own unknown errors have this status.
            while (await reader.ReadLineAsync(deadline.Token) is { Length: > 0 })
            {
            }

            var body = new char[4096];
            var text = new string(body, 0, await reader.ReadAsync(body, deadline.Token));
            MustBeAnAnswer(HttpStatusCode.InternalServerError, text, Methods[path]);
        }
    }

    private static byte[] Body(MethodDescriptor method, Mutator mutator)
    {
        string json;
        try
        {
            json = JsonFormatter.Default.Format(method.InputType.Parser.ParseFrom(WireMessages.Of(method.InputType, mutator)));
        }
        catch (Exception exception) when (exception is InvalidProtocolBufferException or InvalidOperationException or ArgumentException)
        {
            json = "{}";
        }

        for (var left = mutator.Below(3); left > 0; left--)
        {
            var at = mutator.Below(json.Length + 1);
            json = string.Concat(json.AsSpan(0, at), mutator.Of(Tokens), json.AsSpan(Math.Min(json.Length, at + mutator.Below(3))));
        }

        var bytes = Encoding.UTF8.GetBytes(json);
        return mutator.OneIn(3) ? mutator.Mutate(bytes) : bytes;
    }

    private static byte[] Request(string path, byte[] body, Mutator mutator)
    {
        var verb = mutator.OneIn(5) ? mutator.Of(["GET", "PUT", "OPTIONS", "HEAD", "DELETE", "TRACE", "x", "POST1", "post"]) : "POST";
        var target = mutator.OneIn(2) ? path : Printable(mutator.Mutate(Encoding.ASCII.GetBytes(path)));
        var head = new StringBuilder($"{verb} /{target.TrimStart('/')} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {body.Length}\r\n");
        for (var left = mutator.Below(5); left > 0; left--)
        {
            var value = mutator.OneIn(2) ? mutator.Of(Values) : Printable(mutator.Bytes(mutator.Below(mutator.OneIn(20) ? 20_000 : 60)));
            head.Append(System.Globalization.CultureInfo.InvariantCulture, $"{mutator.Of(Names)}: {value}\r\n");
        }

        return [.. Encoding.Latin1.GetBytes(head.Append("\r\n").ToString()), .. body];
    }

    // Nothing that would end the line, or the request line's part.
    private static string Printable(byte[] bytes) => Encoding.Latin1.GetString([.. bytes.Select(static value => value is <= (byte)' ' or 0x7f ? (byte)'_' : value)]);
}
