using System.Net;
using System.Net.Sockets;
using System.Text;
using Google.Protobuf;
using Granary.Protos;
using Granary.Server.Listening;
using Granary.Testing;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.DependencyInjection;

namespace Granary.Server.Tests;

/// <summary>Too many connections: who says nothing gives way, who is known stays.</summary>
[Collection("one server at a time")]
public sealed class ConnectionBoundTests
{
    private const int Most = 20;

    private static readonly TimeSpan Generous = TimeSpan.FromSeconds(60);

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Silent_connections_keep_nobody_out()
    {
        await using var server = await InProcessServer.Start(Stop, static options => options with { MaxConnections = Most });
        await Put(server);
        var silent = await Task.WhenAll(Enumerable.Range(0, 10 * Most).Select(_ => Connect(server)));
        var bound = server.Services.GetRequiredService<ConnectionBound>();
        await Eventually.Holds("no more are left than there may be", () => Task.FromResult(bound.Refused >= 9 * Most && bound.Open <= Most), Generous, Stop);

        await Put(server);
        using var another = Channels.To(server.Address);
        await new KV.KVClient(another).PutAsync(new PutRequest { Key = ByteString.CopyFromUtf8("b") }, cancellationToken: Stop);
        Array.ForEach(silent, static socket => socket.Dispose());
        await Eventually.Holds("the two channels are left", () => Task.FromResult(bound.Open == 2), Generous, Stop);
    }

    [Fact]
    public async Task Who_is_known_stays_and_who_comes_when_all_are_known_is_turned_away()
    {
        await using var server = await InProcessServer.Start(Stop, static options => options with { MaxConnections = Most });
        var known = new List<Socket>();
        for (var i = 0; i < Most; i++)
        {
            known.Add(await Connect(server));
            Assert.StartsWith("HTTP/1.1 200", await Ask(known[^1]), StringComparison.Ordinal);
        }

        Assert.False(await GetsIn(server));

        foreach (var socket in known)
        {
            Assert.StartsWith("HTTP/1.1 200", await Ask(socket), StringComparison.Ordinal);
        }

        known[0].Dispose();
        await Eventually.Holds("there is room for another", () => GetsIn(server), Generous, Stop);
        known.ForEach(static socket => socket.Dispose());
    }

    [Fact]
    public async Task Of_strangers_the_one_that_takes_longest_is_cut_off()
    {
        var bound = new ConnectionBound(100, mostStrangers: 3);
        var connections = Enumerable.Range(0, 5).Select(static _ => new DefaultConnectionContext()).ToArray();
        var serving = connections[..4].Select(connection => bound.Serve(connection, Open)).ToList();
        await serving[0];
        Assert.Equal([true, false, false, false], connections[..4].Select(static connection => connection.ConnectionClosed.IsCancellationRequested));

        ConnectionBound.Known(connections[1]);
        serving.Add(bound.Serve(connections[4], Open));
        Assert.DoesNotContain(connections[1..], static connection => connection.ConnectionClosed.IsCancellationRequested);
        Assert.Equal((4, 1), (bound.Open, bound.Refused));

        foreach (var connection in connections[1..])
        {
            connection.Abort(new ConnectionAbortedException());
        }

        await Task.WhenAll(serving);
        Assert.Equal(0, bound.Open);

        static async Task Open(ConnectionContext connection) =>
            await Task.Delay(Timeout.Infinite, connection.ConnectionClosed).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    private static async Task Put(InProcessServer server) =>
        await server.Kv.PutAsync(new PutRequest { Key = ByteString.CopyFromUtf8("a") }, cancellationToken: Stop);

    private static async Task<Socket> Connect(InProcessServer server)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            await socket.ConnectAsync(IPAddress.Loopback, new Uri(server.Address).Port, Stop);
        }
        catch (SocketException exception) when (exception.SocketErrorCode == SocketError.ConnectionReset)
        {
            // Cut off so early that it was never open here.
        }

        return socket;
    }

    private static async Task<bool> GetsIn(InProcessServer server)
    {
        using var socket = await Connect(server);
        return (await Ask(socket)).StartsWith("HTTP/1.1 200", StringComparison.Ordinal);
    }

    /// <summary>What is answered, or nothing when the connection is cut off.</summary>
    private static async Task<string> Ask(Socket socket)
    {
        try
        {
            await socket.SendAsync(Encoding.ASCII.GetBytes("GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"), Stop);
            var answer = new byte[4096];
            return Encoding.ASCII.GetString(answer, 0, await socket.ReceiveAsync(answer, Stop));
        }
        catch (SocketException)
        {
            return "";
        }
    }
}
