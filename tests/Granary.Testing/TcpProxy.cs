using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace Granary.Testing;

/// <summary>A wire between clients and a server on loopback that can be cut, in both directions or in one, or made slow.</summary>
public sealed class TcpProxy : IAsyncDisposable
{
    private const int TricklingBytes = 512;

    private static readonly TimeSpan TricklingPause = TimeSpan.FromMilliseconds(5);

    private readonly int _target;
    private readonly TcpListener _listener;
    private readonly CancellationTokenSource _stopping = new();
    private readonly ConcurrentDictionary<Link, byte> _links = new();
    private readonly Task _accepting;
    private volatile Wire _wire = Wire.Whole;

    private TcpProxy(int target)
    {
        _target = target;
        Port = LoopbackPorts.Take();
        _listener = new TcpListener(IPAddress.Loopback, Port);
        _listener.Start();
        _accepting = Accept();
    }

    /// <summary>What becomes of what is sent.</summary>
    public enum Wire
    {
        /// <summary>It arrives.</summary>
        Whole,

        /// <summary>Every connection is closed, and no other is let through.</summary>
        Cut,

        /// <summary>Nothing arrives, and nobody is told: as when a cable is pulled.</summary>
        Silent,

        /// <summary>What clients send arrives; with the answer the connection is closed.</summary>
        CutAtAnswer,

        /// <summary>It arrives in small pieces, one after the other.</summary>
        Trickling,

        /// <summary>The server is told that no more comes over the connections that there are, and its clients are told nothing. Others are whole.</summary>
        HalfClosed,
    }

    public int Port { get; }

    /// <summary>Connections that were cut with an answer on them.</summary>
    public int AnswersCut { get; private set; }

    public static TcpProxy To(int port) => new(port);

    public void Set(Wire wire)
    {
        _wire = wire;
        foreach (var link in _links.Keys)
        {
            if (wire == Wire.Cut)
            {
                link.Close();
            }
            else if (wire == Wire.HalfClosed)
            {
                link.HalfClose();
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        _listener.Stop();
        Set(Wire.Cut);
        await _accepting.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _stopping.Dispose();
    }

    private async Task Accept()
    {
        while (!_stopping.IsCancellationRequested)
        {
            var client = await _listener.AcceptTcpClientAsync(_stopping.Token);
            if (_wire == Wire.Cut)
            {
                client.Dispose();
                continue;
            }

            _ = Serve(client);
        }
    }

    private async Task Serve(TcpClient client)
    {
        var link = new Link(client, new TcpClient());
        _links.TryAdd(link, 0);
        try
        {
            await link.Server.ConnectAsync(IPAddress.Loopback, _target, _stopping.Token);
            await Task.WhenAny(
                Pass(link.Client.GetStream(), link.Server.GetStream(), areAnswers: false, link),
                Pass(link.Server.GetStream(), link.Client.GetStream(), areAnswers: true, link));
        }
        catch (Exception exception) when (exception is SocketException or OperationCanceledException or ObjectDisposedException)
        {
            // Nobody is there.
        }
        finally
        {
            link.Close();
            _links.TryRemove(link, out _);
        }
    }

    private async Task Pass(NetworkStream from, NetworkStream to, bool areAnswers, Link link)
    {
        var buffer = new byte[64 << 10];
        try
        {
            while (await from.ReadAsync(buffer, _stopping.Token) is > 0 and var count)
            {
                if (_wire == Wire.CutAtAnswer && areAnswers)
                {
                    AnswersCut++;
                    link.Close();
                    return;
                }

                for (var sent = 0; sent < count && _wire != Wire.Silent;)
                {
                    var piece = _wire == Wire.Trickling ? Math.Min(TricklingBytes, count - sent) : count - sent;
                    await to.WriteAsync(buffer.AsMemory(sent, piece), _stopping.Token);
                    sent += piece;
                    if (_wire == Wire.Trickling)
                    {
                        await Task.Delay(TricklingPause, _stopping.Token);
                    }
                }
            }
        }
        catch (Exception exception) when (exception is IOException or OperationCanceledException or ObjectDisposedException)
        {
            // One side has closed it.
        }
    }

    private sealed record Link(TcpClient Client, TcpClient Server)
    {
        public void Close()
        {
            Client.Dispose();
            Server.Dispose();
        }

        public void HalfClose()
        {
            try
            {
                Server.Client?.Shutdown(SocketShutdown.Send);
            }
            catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
            {
                // It is not there yet, or no more.
            }
        }
    }
}
