using System.IO.Pipelines;
using Microsoft.AspNetCore.Http.Features;

namespace Granary.Server.Facade;

/// <summary>A response's body that is held until <see cref="Send"/>, which gives it to the client as fast as that reads.</summary>
internal sealed class HeldBody(IHttpResponseBodyFeature inner) : IHttpResponseBodyFeature
{
    private readonly HoldingWriter _writer = new(inner.Writer);

    public PipeWriter Writer => _writer;

    public Stream Stream => _writer.AsStream(leaveOpen: true);

    /// <summary>Sends what is held; each piece is forgotten when it is on its way.</summary>
    public async Task Send(CancellationToken cancellationToken)
    {
        foreach (var piece in _writer.TakePieces())
        {
            if ((await inner.Writer.WriteAsync(piece, cancellationToken)).IsCompleted)
            {
                return;
            }
        }
    }

    public void DisableBuffering() => inner.DisableBuffering();

    public Task StartAsync(CancellationToken cancellationToken = default) => inner.StartAsync(cancellationToken);

    public Task SendFileAsync(string path, long offset, long? count, CancellationToken cancellationToken = default) =>
        throw new NotSupportedException("A gRPC service sends no file.");

    public Task CompleteAsync() => inner.CompleteAsync();

    private sealed class HoldingWriter(PipeWriter outer) : PipeWriter
    {
        // Arrays of this size are collected by themselves, and not moved.
        private const int PieceBytes = 1 << 20;

        // What goes out at once.
        private const int SentBytes = 64 << 10;

        private readonly Queue<(byte[] Bytes, int Length)> _full = new();
        private byte[] _current = [];
        private int _length;

        public override bool CanGetUnflushedBytes => true;

        public override long UnflushedBytes => _full.Sum(static piece => (long)piece.Length) + _length;

        public override Memory<byte> GetMemory(int sizeHint = 0)
        {
            if (_current.Length - _length < Math.Max(sizeHint, 1))
            {
                if (_length > 0)
                {
                    _full.Enqueue((_current, _length));
                }

                _current = new byte[Math.Max(sizeHint, PieceBytes)];
                _length = 0;
            }

            return _current.AsMemory(_length);
        }

        public override Span<byte> GetSpan(int sizeHint = 0) => GetMemory(sizeHint).Span;

        public override void Advance(int bytes) => _length += bytes;

        public IEnumerable<ReadOnlyMemory<byte>> TakePieces()
        {
            _full.Enqueue((_current, _length));
            _current = [];
            _length = 0;
            while (_full.TryDequeue(out var piece))
            {
                for (var at = 0; at < piece.Length; at += SentBytes)
                {
                    yield return piece.Bytes.AsMemory(at, Math.Min(SentBytes, piece.Length - at));
                }
            }
        }

        public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default) => new(new FlushResult(false, false));

        public override void CancelPendingFlush()
        {
        }

        public override void Complete(Exception? exception = null) => outer.Complete(exception);
    }
}
