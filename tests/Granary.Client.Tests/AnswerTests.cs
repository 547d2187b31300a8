using System.Buffers.Binary;
using Google.Protobuf;
using Granary.Protos;
using Grpc.Core;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging;

namespace Granary.Client.Tests;

/// <summary>What a client makes of answers that are not as they should be, and of unusual ones that are.</summary>
public sealed class AnswerTests : IAsyncLifetime
{
    private WebApplication _server = null!;
    private GranaryClient _client = null!;
    private Func<HttpContext, Task> _answer = null!;
    private string _address = "";

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        var port = LoopbackPorts.Take();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.ListenLocalhost(port, static listen => listen.Protocols = HttpProtocols.Http2));
        _server = builder.Build();
        _server.Run(context => _answer(context));
        await _server.StartAsync();
        _address = $"http://localhost:{port}";
        _client = Client(TimeSpan.FromSeconds(60));
    }

    public async ValueTask DisposeAsync()
    {
        _client.Dispose();
        _client.Dispose();
        await _server.DisposeAsync();
    }

    [Theory]
    [InlineData(400, StatusCode.Internal)]
    [InlineData(401, StatusCode.Unauthenticated)]
    [InlineData(403, StatusCode.PermissionDenied)]
    [InlineData(404, StatusCode.Unimplemented)]
    [InlineData(307, StatusCode.Unknown)]
    [InlineData(200, StatusCode.Unknown)]
    [InlineData(503, StatusCode.Unavailable)]
    public async Task What_is_not_gRPC_is_told_by_its_status(int http, StatusCode status)
    {
        _answer = context =>
        {
            context.Response.StatusCode = http;
            context.Response.ContentType = "text/html";
            context.Response.Headers.Location = "/elsewhere";
            return context.Response.WriteAsync("<h1>no</h1>", Stop);
        };
        var failed = await Assert.ThrowsAsync<GranaryException>(() => _client.PutAsync("a", "b", cancellationToken: Stop));
        Assert.Equal(status, failed.StatusCode);
        Assert.Contains($"{http}", failed.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("%C3%BCml%61ut%20%", "ümlaut %")]
    [InlineData("plain", "plain")]
    [InlineData("%ZZ%", "%ZZ%")]
    public async Task An_error_may_stand_in_the_headers_alone_and_says_what_it_says(string sent, string said)
    {
        _answer = context =>
        {
            context.Response.ContentType = "application/grpc";
            context.Response.Headers["grpc-status"] = "9";
            context.Response.Headers["grpc-message"] = sent;
            return Task.CompletedTask;
        };
        var failed = await Assert.ThrowsAsync<GranaryException>(() => _client.PutAsync("a", "b", cancellationToken: Stop));
        Assert.Equal((StatusCode.FailedPrecondition, said, false), (failed.StatusCode, failed.Message, failed.MayHaveHappened));
    }

    [Theory]
    [InlineData("00", "0")]
    [InlineData("0000000005", "0")]
    [InlineData("00ffffffff01", "0")]
    [InlineData("000000000000", "0")]
    [InlineData("0100000000", "0")]
    [InlineData("0000000001ff", "0")]
    [InlineData("0000000000", null)]
    [InlineData("0000000000", "none")]
    [InlineData("", "0")]
    public async Task What_cannot_be_read_leaves_open_whether_a_write_has_happened(string body, string? status)
    {
        _answer = context => Answer(context, Convert.FromHexString(body), status);
        var failed = await Assert.ThrowsAsync<GranaryException>(() => _client.PutAsync("a", "b", cancellationToken: Stop));
        Assert.True(failed.MayHaveHappened, $"{failed.StatusCode}: {failed.Message}");
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1018)]
    [InlineData(1019)]
    [InlineData(1020)]
    [InlineData(8_000)]
    [InlineData(20_000_000)]
    public async Task An_answer_of_any_length_is_read_however_it_comes(int length)
    {
        var response = new RangeResponse { Header = new ResponseHeader { Revision = 7 }, Count = 1 };
        response.Kvs.Add(new Protos.KeyValue { Key = ByteString.CopyFromUtf8("a"), Value = UnsafeByteOperations.UnsafeWrap(new byte[length]) });
        foreach (var piece in new[] { 1_000_000, 1021, int.MaxValue })
        {
            _answer = context => Answer(context, Framed(response), "0", piece);
            Assert.Equal(length, (await _client.GetAsync("a", Stop))!.Value.Length);
        }
    }

    [Fact]
    public async Task A_call_without_an_answer_ends_in_time_and_one_that_is_given_up_at_once()
    {
        _answer = static context => Task.Delay(Timeout.Infinite, context.RequestAborted);
        await using var hasty = Client(TimeSpan.FromSeconds(1));
        var failed = await Assert.ThrowsAsync<GranaryException>(() => hasty.PutAsync("a", "b", cancellationToken: Stop));
        Assert.Equal((StatusCode.DeadlineExceeded, true), (failed.StatusCode, failed.MayHaveHappened));
        using var leaving = new CancellationTokenSource(TimeSpan.FromMilliseconds(100));
        var left = await Assert.ThrowsAnyAsync<OperationCanceledException>(() => _client.PutAsync("a", "b", cancellationToken: leaving.Token));
        Assert.Equal(leaving.Token, left.CancellationToken);
        var calling = _client.PutAsync("a", "b", cancellationToken: Stop);
        _client.Dispose();
        Assert.Equal(StatusCode.Cancelled, (await Assert.ThrowsAsync<GranaryException>(() => calling)).StatusCode);
        Assert.Equal(StatusCode.Cancelled, (await Assert.ThrowsAsync<GranaryException>(() => _client.GetAsync("a", Stop))).StatusCode);
    }

    private GranaryClient Client(TimeSpan callTimeout)
    {
        var options = new GranaryClientOptions { CallTimeout = callTimeout };
        options.Endpoints.Add(_address);
        return new GranaryClient(options);
    }

    private static byte[] Framed(RangeResponse response)
    {
        var message = response.ToByteArray();
        var bytes = new byte[message.Length + 5];
        BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(1), message.Length);
        message.CopyTo(bytes, 5);
        return bytes;
    }

    private static async Task Answer(HttpContext context, byte[] body, string? status, int piece = int.MaxValue)
    {
        context.Response.ContentType = "application/grpc+proto";
        for (var at = 0; at < body.Length; at += piece)
        {
            await context.Response.Body.WriteAsync(body.AsMemory(at, Math.Min(piece, body.Length - at)), Stop);
            if (piece < int.MaxValue && at < 10 * piece)
            {
                await context.Response.Body.FlushAsync(Stop);
            }
        }

        if (status is not null)
        {
            context.Response.AppendTrailer("grpc-status", status);
        }
    }
}
