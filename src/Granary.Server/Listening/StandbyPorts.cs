using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using Granary.Server.Configuration;

namespace Granary.Server.Listening;

/// <summary>
/// The clients' ports of a process that waits for its turn: whoever connects is passed on to the one that leads, byte by byte, so that TLS and
/// certificates are between client and leader. While nobody can be reached that leads, connections are not taken, but wait in the port: a client
/// that is refused comes back ever later. When this process leads, it serves the same sockets, with those who wait in them.
/// </summary>
internal sealed partial class StandbyPorts(ServerOptions options, ILogger<StandbyPorts> logger) : IDisposable
{
    private const int Backlog = 512;

    private static readonly TimeSpan DialTimeout = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan RetryInterval = TimeSpan.FromMilliseconds(50);

    private readonly Dictionary<EndPoint, Socket> _sockets = [];
    private readonly ConcurrentDictionary<Socket, byte> _open = new();
    private readonly CancellationTokenSource _ending = new();
    private readonly List<Task> _accepting = [];
    private readonly ConcurrentBag<Socket> _left = [];
    private volatile Uri[] _leader = [];

    /// <summary>Where the leader serves clients. From the first time on connections are taken.</summary>
    /// <exception cref="SettingsException">A port cannot be opened.</exception>
    public void LeaderIs(IReadOnlyList<string> clientUrls)
    {
        // One that is served under the same URL as this process can be behind it, or this very port: nobody must be passed on in a circle.
        if (clientUrls.Intersect(options.AdvertiseClientUrls).Any())
        {
            return;
        }

        _leader = [.. clientUrls.Select(static url => Uri.TryCreate(url, UriKind.Absolute, out var parsed) ? parsed : null).OfType<Uri>()];
        if (_sockets.Count == 0)
        {
            Listen();
        }
    }

    /// <summary>
    /// Passes nobody on to the leader any more; returns the socket of an address with those who wait in it, if it is open. Whoever asks for it
    /// serves it.
    /// </summary>
    public Socket? TakeOver(EndPoint address)
    {
        End();
        if (!_sockets.Remove(address, out var socket))
        {
            return null;
        }

        // All of the sockets listen, served or not yet.
        while (_left.TryTake(out var client))
        {
            _ = PassOnToSelf(client);
        }

        return socket;
    }

    public void Dispose()
    {
        End();
        foreach (var socket in _sockets.Values.Concat(_left).Concat(_open.Keys))
        {
            socket.Dispose();
        }

        _ending.Dispose();
    }

    private void Listen()
    {
        foreach (var url in options.ListenClientUrls.Concat(options.ListenClientHttpUrls))
        {
            if (url.EndPoint is null)
            {
                continue;
            }

            var socket = new Socket(url.EndPoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
            _sockets.Add(url.EndPoint, socket);
            try
            {
                socket.Bind(url.EndPoint);
                socket.Listen(Backlog);
            }
            catch (SocketException exception)
            {
                throw new SettingsException($"cannot listen on {url}: {exception.Message}");
            }

            _accepting.Add(Accept(socket, url.IsSecure ? Uri.UriSchemeHttps : Uri.UriSchemeHttp));
            Log.PassesOn(logger, url.Text);
        }
    }

    private void End()
    {
        if (_ending.IsCancellationRequested)
        {
            return;
        }

        _ending.Cancel();
        Task.WaitAll(_accepting);
        foreach (var socket in _open.Keys)
        {
            socket.Dispose();
        }
    }

    private async Task Accept(Socket socket, string scheme)
    {
        Socket? client = null;
        while (!_ending.IsCancellationRequested)
        {
            try
            {
                var leader = await Dial(scheme);
                client ??= await AcceptWhile(leader, socket);
                if (client is not null && Lives(leader) && !_ending.IsCancellationRequested)
                {
                    _ = PassOn(client, leader);
                    client = null;
                }
                else
                {
                    leader.Dispose();
                }
            }
            catch (Exception exception) when (exception is SocketException or OperationCanceledException)
            {
                // One that left before it was taken; or all of them.
            }
        }

        if (client is not null)
        {
            _left.Add(client);
        }
    }

    // A leader says nothing before its client does: what can be read is the connection's end.
    private static bool Lives(Socket leader) => !leader.Poll(0, SelectMode.SelectRead);

    /// <summary>A client, or null when the leader ends the connection that one was to have.</summary>
    private async Task<Socket?> AcceptWhile(Socket leader, Socket socket)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(_ending.Token);
        var accepting = socket.AcceptAsync(either.Token).AsTask();
        var ended = leader.ReceiveAsync(new byte[1], SocketFlags.Peek, either.Token).AsTask();
        await Task.WhenAny(accepting, ended);
        await either.CancelAsync();
        await ((Task)ended).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await ((Task)accepting).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (!accepting.IsCompletedSuccessfully)
        {
            return null;
        }

        // Each one needs another to the leader.
        var client = await accepting;
        if (_open.Count / 2 < options.MaxConnections / 2)
        {
            return client;
        }

        client.Dispose();
        return null;
    }

    private async Task PassOn(Socket client, Socket leader)
    {
        _open.TryAdd(client, 0);
        _open.TryAdd(leader, 0);
        try
        {
            (client.NoDelay, leader.NoDelay) = (true, true);
            await Task.WhenAll(Copy(client, leader), Copy(leader, client));
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
        {
            // One of the two has left.
        }
        finally
        {
            foreach (var socket in (Socket[])[client, leader])
            {
                _open.TryRemove(socket, out _);
                socket.Dispose();
            }
        }
    }

    private async Task PassOnToSelf(Socket client)
    {
        try
        {
            await PassOn(client, await Connect(client.LocalEndPoint!, CancellationToken.None));
        }
        catch (Exception exception) when (exception is SocketException or OperationCanceledException)
        {
            client.Dispose();
        }
    }

    private async Task<Socket> Dial(string scheme)
    {
        while (true)
        {
            if (_leader.FirstOrDefault(url => url.Scheme == scheme) is { } url)
            {
                try
                {
                    return await Connect(new DnsEndPoint(url.Host, url.Port), _ending.Token);
                }
                catch (Exception exception) when (exception is SocketException or OperationCanceledException)
                {
                    // It is tried again below.
                }
            }

            await Task.Delay(RetryInterval, _ending.Token);
        }
    }

    private static async Task<Socket> Connect(EndPoint address, CancellationToken cancellationToken)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        try
        {
            using var dialing = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            dialing.CancelAfter(DialTimeout);
            await socket.ConnectAsync(address, dialing.Token);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private static async Task Copy(Socket from, Socket to)
    {
        var buffer = new byte[64 << 10];
        try
        {
            while (await from.ReceiveAsync(buffer) is > 0 and var count)
            {
                for (var sent = 0; sent < count;)
                {
                    sent += await to.SendAsync(buffer.AsMemory(sent, count - sent));
                }
            }

            to.Shutdown(SocketShutdown.Send);
        }
        catch
        {
            // The other direction has nobody to speak to any more.
            from.Dispose();
            to.Dispose();
            throw;
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Information, "passing connections on {Url} to the leader")]
        public static partial void PassesOn(ILogger logger, string url);
    }
}
