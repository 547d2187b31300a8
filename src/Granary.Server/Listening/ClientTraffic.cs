using System.Buffers;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;
using Microsoft.AspNetCore.Connections;

namespace Granary.Server.Listening;

/// <summary>Counts the bytes that go over client connections.</summary>
internal sealed class ClientTraffic
{
    private long _received;
    private long _sent;

    public long ReceivedBytes => Interlocked.Read(ref _received);

    public long SentBytes => Interlocked.Read(ref _sent);

    /// <summary>Serves a connection, counting.</summary>
    public async Task Serve(ConnectionContext connection, ConnectionDelegate next)
    {
        var transport = connection.Transport;
        connection.Transport = new CountedTransport(new CountedReader(transport.Input, this), new CountedWriter(transport.Output, this));
        try
        {
            await next(connection);
        }
        finally
        {
            connection.Transport = transport;
        }
    }

    private sealed record CountedTransport(PipeReader Input, PipeWriter Output) : IDuplexPipe;

    private sealed class CountedReader(PipeReader inner, ClientTraffic traffic) : PipeReader
    {
        private ReadOnlySequence<byte> _read;

        public override void AdvanceTo(SequencePosition consumed) => AdvanceTo(consumed, consumed);

        public override void AdvanceTo(SequencePosition consumed, SequencePosition examined)
        {
            var bytes = _read.IsEmpty ? 0 : _read.Slice(0, consumed).Length;
            _read = default;
            if (bytes > 0)
            {
                Interlocked.Add(ref traffic._received, bytes);
            }

            inner.AdvanceTo(consumed, examined);
        }

        public override void CancelPendingRead() => inner.CancelPendingRead();

        public override void Complete(Exception? exception = null) => inner.Complete(exception);

        public override ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default)
        {
            var read = inner.ReadAsync(cancellationToken);
            return read.IsCompletedSuccessfully ? new(Noted(read.Result)) : Await(read);
        }

        public override bool TryRead(out ReadResult result)
        {
            var has = inner.TryRead(out result);
            if (has)
            {
                Noted(result);
            }

            return has;
        }

        [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
        private async ValueTask<ReadResult> Await(ValueTask<ReadResult> read) => Noted(await read);

        private ReadResult Noted(ReadResult result)
        {
            _read = result.Buffer;
            return result;
        }
    }

    private sealed class CountedWriter(PipeWriter inner, ClientTraffic traffic) : PipeWriter
    {
        public override bool CanGetUnflushedBytes => inner.CanGetUnflushedBytes;

        public override long UnflushedBytes => inner.UnflushedBytes;

        public override void Advance(int bytes)
        {
            Interlocked.Add(ref traffic._sent, bytes);
            inner.Advance(bytes);
        }

        public override void CancelPendingFlush() => inner.CancelPendingFlush();

        public override void Complete(Exception? exception = null) => inner.Complete(exception);

        public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default) => inner.FlushAsync(cancellationToken);

        public override Memory<byte> GetMemory(int sizeHint = 0) => inner.GetMemory(sizeHint);

        public override Span<byte> GetSpan(int sizeHint = 0) => inner.GetSpan(sizeHint);
    }
}
