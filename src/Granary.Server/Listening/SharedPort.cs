using System.Buffers;
using System.IO.Pipelines;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;

namespace Granary.Server.Listening;

/// <summary>
/// HTTP/1.1 and HTTP/2 on one port. Kestrel lets the handshake of TLS choose between the two and takes HTTP/1.1 where there is none, or where
/// the client has not chosen; so whoever begins with HTTP/2's preface is marked as if a handshake had chosen it.
/// </summary>
internal static class SharedPort
{
    // How every HTTP/2 connection begins, and no request of HTTP/1.
    private static ReadOnlySpan<byte> PrefaceStart => "PRI "u8;

    /// <param name="listen">The listener.</param>
    /// <param name="purpose">What it serves.</param>
    /// <param name="patience">How long a new connection may say nothing.</param>
    public static void ServeBoth(this ListenOptions listen, ListenerPurpose purpose, TimeSpan patience)
    {
        var feature = new ListenerFeature(purpose);
        listen.Protocols = HttpProtocols.Http1AndHttp2;
        listen.Use(next => async connection =>
        {
            connection.Features.Set(feature);
            // A server that stops does not wait for those who have said nothing.
            var stopping = connection.Features.Get<IConnectionLifetimeNotificationFeature>()?.ConnectionClosedRequested ?? CancellationToken.None;
            using var tooLate = CancellationTokenSource.CreateLinkedTokenSource(connection.ConnectionClosed, stopping);
            tooLate.CancelAfter(patience);
            bool isHttp2;
            try
            {
                isHttp2 = await BeginsWithPreface(connection.Transport.Input, tooLate.Token);
            }
            catch (Exception exception) when (exception is OperationCanceledException or ConnectionResetException or IOException)
            {
                connection.Abort(new ConnectionAbortedException("Nothing was said on the connection."));
                return;
            }

            ConnectionBound.Known(connection);
            if (isHttp2)
            {
                connection.Features.Set<ITlsApplicationProtocolFeature>(ChosenHttp2.Instance);
                if (connection.Features.Get<ITlsConnectionFeature>() is null)
                {
                    connection.Features.Set<ITlsConnectionFeature>(ChosenHttp2.Instance);
                }
            }

            await next(connection);
        });
    }

    private static async ValueTask<bool> BeginsWithPreface(PipeReader input, CancellationToken cancellationToken)
    {
        while (true)
        {
            var read = await input.ReadAsync(cancellationToken);
            var matches = Matches(read.Buffer);
            if (matches is not null || read.IsCompleted)
            {
                // Nothing is consumed, and all of it is there at once for the next to read.
                input.AdvanceTo(read.Buffer.Start);
                return matches is true;
            }

            input.AdvanceTo(read.Buffer.Start, read.Buffer.End);
        }
    }

    /// <summary>Whether it is the preface; null when that cannot be told yet.</summary>
    private static bool? Matches(in ReadOnlySequence<byte> buffer)
    {
        Span<byte> start = stackalloc byte[PrefaceStart.Length];
        var length = (int)Math.Min(buffer.Length, start.Length);
        buffer.Slice(0, length).CopyTo(start);
        return !start[..length].SequenceEqual(PrefaceStart[..length]) ? false
            : length == start.Length ? true
            : null;
    }

    private sealed class ChosenHttp2 : ITlsApplicationProtocolFeature, ITlsConnectionFeature
    {
        public static readonly ChosenHttp2 Instance = new();

        public ReadOnlyMemory<byte> ApplicationProtocol { get; } = "h2"u8.ToArray();

        // There is no TLS, and so no certificate.
        public X509Certificate2? ClientCertificate
        {
            get => null;
            set => throw new NotSupportedException("A connection without TLS has no certificate.");
        }

        public Task<X509Certificate2?> GetClientCertificateAsync(CancellationToken cancellationToken) => Task.FromResult<X509Certificate2?>(null);
    }
}
