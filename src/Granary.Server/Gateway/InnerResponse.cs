using System.IO.Pipelines;
using Microsoft.AspNetCore.Http.Features;

namespace Granary.Server.Gateway;

/// <summary>What a gRPC service answers into when the gateway calls it: headers, body and trailers of its own, beside those of the HTTP response.</summary>
internal sealed class InnerResponse : IHttpResponseFeature, IHttpResponseBodyFeature, IHttpResponseTrailersFeature
{
    private readonly Stack<(Func<object, Task> Callback, object State)> _onStarting = new();
    private readonly HttpResponse _outer;
    private readonly Stream _stream;

    /// <param name="body">Where the body goes.</param>
    /// <param name="outer">The HTTP response, which completes for both.</param>
    public InnerResponse(PipeWriter body, HttpResponse outer)
    {
        _outer = outer;
        Writer = new StartingWriter(body, this);
        _stream = Writer.AsStream(leaveOpen: true);
    }

    public int StatusCode { get; set; } = StatusCodes.Status200OK;

    public string? ReasonPhrase { get; set; }

    public IHeaderDictionary Headers { get; set; } = new HeaderDictionary();

    public IHeaderDictionary Trailers { get; set; } = new HeaderDictionary();

    public bool HasStarted { get; private set; }

    public PipeWriter Writer { get; }

    public Stream Stream => _stream;

    Stream IHttpResponseFeature.Body
    {
        get => _stream;
        set => throw new NotSupportedException("The body of a gateway's inner response stays what it is.");
    }

    /// <summary>The status of the call and its text: in the trailers, or in the headers when there is no body.</summary>
    public (Grpc.Core.StatusCode Code, string Text) Status
    {
        get
        {
            var from = Trailers.ContainsKey("grpc-status") ? Trailers : Headers;
            return int.TryParse(from["grpc-status"].ToString(), out var code)
                ? ((Grpc.Core.StatusCode)code, Uri.UnescapeDataString(from["grpc-message"].ToString()))
                : (Grpc.Core.StatusCode.Internal, "etcdserver: the call ended without a status");
        }
    }

    public void OnStarting(Func<object, Task> callback, object state) => _onStarting.Push((callback, state));

    public void OnCompleted(Func<object, Task> callback, object state) => _outer.OnCompleted(callback, state);

    public async Task StartAsync(CancellationToken cancellationToken = default)
    {
        if (HasStarted)
        {
            return;
        }

        while (_onStarting.TryPop(out var starting))
        {
            await starting.Callback(starting.State);
        }

        HasStarted = true;
    }

    public Task CompleteAsync() => StartAsync();

    public void DisableBuffering()
    {
    }

    public Task SendFileAsync(string path, long offset, long? count, CancellationToken cancellationToken = default) =>
        throw new NotSupportedException("A gRPC service sends no file.");

    /// <summary>Starts the response with the first flush, as a server does.</summary>
    private sealed class StartingWriter(PipeWriter inner, InnerResponse response) : PipeWriter
    {
        public override bool CanGetUnflushedBytes => inner.CanGetUnflushedBytes;

        public override long UnflushedBytes => inner.UnflushedBytes;

        public override void Advance(int bytes) => inner.Advance(bytes);

        public override Memory<byte> GetMemory(int sizeHint = 0) => inner.GetMemory(sizeHint);

        public override Span<byte> GetSpan(int sizeHint = 0) => inner.GetSpan(sizeHint);

        public override void CancelPendingFlush() => inner.CancelPendingFlush();

        public override void Complete(Exception? exception = null)
        {
            // The gateway completes the pipe, when the call has ended.
        }

        public override async ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default)
        {
            await response.StartAsync(cancellationToken);
            return await inner.FlushAsync(cancellationToken);
        }
    }
}
