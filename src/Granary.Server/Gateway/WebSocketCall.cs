using System.Buffers;
using System.IO.Pipelines;
using System.Net.WebSockets;
using Microsoft.AspNetCore.Http.Features;

namespace Granary.Server.Gateway;

/// <summary>
/// One call over a WebSocket, for pages that cannot send a stream otherwise: each message of the client is a JSON request, each line of the answer
/// a message to it. Browsers let no page set the header Authorization: a token may be given as subprotocol, behind <c>Bearer</c>.
/// </summary>
/// <param name="outer">The request for the upgrade.</param>
/// <param name="gateway">Serves the call as if its requests had been the body of a POST.</param>
internal sealed class WebSocketCall(HttpContext outer, RequestDelegate gateway)
{
    private const string Bearer = "Bearer";

    // How long a client may take to agree that it is over; whoever hangs up sooner takes back what is still under way.
    private static readonly TimeSpan ClosingTime = TimeSpan.FromSeconds(5);

    private readonly Pipe _requests = new();
    private readonly Pipe _answers = new();

    public async Task Run()
    {
        var token = outer.WebSockets.WebSocketRequestedProtocols is [Bearer, var given, ..] ? given : null;
        using var socket = await outer.WebSockets.AcceptWebSocketAsync(token is null ? null : Bearer);
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(outer.RequestAborted);
        var receiving = Receive(socket, ended);
        var serving = Serve(Inner(token, ended.Token));
        try
        {
            await Send(socket, ended.Token);

            // What the client still says is let go.
            await _requests.Reader.CompleteAsync();
            await socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, ended.Token);
            ended.CancelAfter(ClosingTime);
            await receiving;
        }
        catch (Exception exception) when (exception is WebSocketException or OperationCanceledException)
        {
            // Nobody is there to be told.
        }
        finally
        {
            await ended.CancelAsync();
            await _answers.Reader.CompleteAsync();
            await Task.WhenAll(receiving, serving).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await _requests.Reader.CompleteAsync();
            await Agree(socket).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private DefaultHttpContext Inner(string? token, CancellationToken aborted)
    {
        var features = new FeatureCollection();
        features.Set<IHttpRequestFeature>(new HttpRequestFeature
        {
            Method = HttpMethods.Post,
            Path = outer.Request.Path,
            Protocol = outer.Request.Protocol,
            Scheme = outer.Request.Scheme,
            Headers = new HeaderDictionary(outer.Request.Headers.ToDictionary(StringComparer.OrdinalIgnoreCase)),
            Body = _requests.Reader.AsStream(),
        });
        features.Set<IHttpResponseFeature>(new Response(outer.Response));
        features.Set<IHttpResponseBodyFeature>(new StreamResponseBodyFeature(_answers.Writer.AsStream(leaveOpen: true)));
        features.Set(outer.Features.Get<IHttpConnectionFeature>());
        var inner = new DefaultHttpContext(features) { RequestServices = outer.RequestServices, RequestAborted = aborted };
        if (token is not null)
        {
            inner.Request.Headers.Authorization = $"{Bearer} {token}";
        }

        return inner;
    }

    private async Task Serve(HttpContext inner)
    {
        try
        {
            await gateway(inner);
        }
        finally
        {
            await _answers.Writer.CompleteAsync();
        }
    }

    /// <summary>Hands on what the client says. When it goes, so does the call.</summary>
    private async Task Receive(WebSocket socket, CancellationTokenSource ended)
    {
        try
        {
            while (true)
            {
                var received = await socket.ReceiveAsync(_requests.Writer.GetMemory(), ended.Token);
                if (received.MessageType == WebSocketMessageType.Close)
                {
                    break;
                }

                _requests.Writer.Advance(received.Count);
                if (received.EndOfMessage)
                {
                    _requests.Writer.Write("\n"u8);
                }

                await _requests.Writer.FlushAsync(ended.Token);
            }
        }
        finally
        {
            await ended.CancelAsync();
            await _requests.Writer.CompleteAsync();
        }
    }

    /// <summary>Tells a client that says it is over that it is.</summary>
    private static async Task Agree(WebSocket socket)
    {
        if (socket.State == WebSocketState.CloseReceived)
        {
            using var tooLate = new CancellationTokenSource(ClosingTime);
            await socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, tooLate.Token);
        }
    }

    private async Task Send(WebSocket socket, CancellationToken cancellationToken)
    {
        while (true)
        {
            var read = await _answers.Reader.ReadAsync(cancellationToken);
            var buffer = read.Buffer;
            while (buffer.PositionOf((byte)'\n') is { } end)
            {
                await Send(socket, buffer.Slice(0, end), cancellationToken);
                buffer = buffer.Slice(buffer.GetPosition(1, end));
            }

            if (read.IsCompleted)
            {
                if (!buffer.IsEmpty)
                {
                    await Send(socket, buffer, cancellationToken);
                }

                return;
            }

            _answers.Reader.AdvanceTo(buffer.Start, buffer.End);
        }
    }

    private static ValueTask Send(WebSocket socket, in ReadOnlySequence<byte> line, CancellationToken cancellationToken) =>
        socket.SendAsync(line.IsSingleSegment ? line.First : line.ToArray(), WebSocketMessageType.Text, endOfMessage: true, cancellationToken);

    /// <summary>Completes when the request for the upgrade does.</summary>
    private sealed class Response(HttpResponse outer) : HttpResponseFeature
    {
        public override void OnCompleted(Func<object, Task> callback, object state) => outer.OnCompleted(callback, state);
    }
}
