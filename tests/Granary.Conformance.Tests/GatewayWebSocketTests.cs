using System.Net.WebSockets;
using System.Text;
using Google.Protobuf;
using Granary.Protos;

namespace Granary.Conformance.Tests;

/// <summary>Calls of the gateway over WebSockets, at etcd and at ours: what comes back, message for message.</summary>
public sealed class GatewayWebSocketTests(DefaultPair pair) : ConformanceTest(pair), IClassFixture<DefaultPair>
{
    private static readonly HttpClient Http = new();
    private static readonly TimeSpan Generous = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task A_watch_takes_requests_and_gives_events_each_in_a_message()
    {
        using var etcd = await Open(Pair.Etcd, "/v3/watch");
        using var subject = await Open(Pair.Subject, "/v3/watch");
        await Say("""{"create_request":{"key":"Zm9v"}}""");
        await SameNext();
        await Say("""{"create_request":{"key":"YmFy"}}""");
        await SameNext();
        foreach (var server in (Server[])[Pair.Etcd, Pair.Subject])
        {
            await new KV.KVClient(server.Calls).PutAsync(new PutRequest { Key = ByteString.CopyFromUtf8("foo") }, cancellationToken: Cancellation);
        }

        await SameNext();
        await Say("""{"cancel_request":{"watch_id":1}}""");
        await SameNext();

        async Task Say(string json)
        {
            foreach (var socket in (ClientWebSocket[])[etcd, subject])
            {
                await socket.SendAsync(Encoding.UTF8.GetBytes(json), WebSocketMessageType.Text, endOfMessage: true, Cancellation);
            }
        }

        async Task SameNext() => Assert.Equal(await Next(etcd), await Next(subject));
    }

    // etcd answers these too, and resets the connection at the same time: what its client gets of it is a matter of luck.
    [Theory]
    [InlineData("/v3/kv/range", """{"key":"Zm9v"}""")]
    [InlineData("/v3/kv/put", """{"key":""}""")]
    [InlineData("/v3/kv/put", """{"key":1}""")]
    [InlineData("/v3/nope", "{}")]
    public async Task A_call_with_one_answer_gives_what_a_POST_gives_and_ends(string path, string json)
    {
        using var posted = await Http.PostAsync(new Uri(Pair.Subject.Address + path), new StringContent(json), Cancellation);
        using var socket = await Open(Pair.Subject, path);
        await socket.SendAsync(Encoding.UTF8.GetBytes(json), WebSocketMessageType.Text, endOfMessage: true, Cancellation);
        Assert.Equal(GatewayAnswer.Lines(await posted.Content.ReadAsStringAsync(Cancellation)), await Next(socket));
        var end = await socket.ReceiveAsync(new byte[16], Cancellation).WaitAsync(Generous, Cancellation);
        Assert.Equal(WebSocketMessageType.Close, end.MessageType);
    }

    [Fact]
    public async Task A_token_may_come_as_subprotocol()
    {
        using var etcd = await Open(Pair.Etcd, "/v3/kv/range", "Bearer", "sometoken");
        using var subject = await Open(Pair.Subject, "/v3/kv/range", "Bearer", "sometoken");
        Assert.Equal(("Bearer", "Bearer"), (etcd.SubProtocol, subject.SubProtocol));
    }

    private static async Task<ClientWebSocket> Open(Server server, string path, params string[] protocols)
    {
        var socket = new ClientWebSocket();
        foreach (var protocol in protocols)
        {
            socket.Options.AddSubProtocol(protocol);
        }

        await socket.ConnectAsync(new Uri($"ws://{server.Endpoint}{path}"), Cancellation);
        return socket;
    }

    private static async Task<string> Next(ClientWebSocket socket)
    {
        using var message = new MemoryStream();
        var buffer = new byte[4096];
        while (true)
        {
            var part = await socket.ReceiveAsync(buffer, Cancellation).WaitAsync(Generous, Cancellation);
            Assert.Equal(WebSocketMessageType.Text, part.MessageType);
            message.Write(buffer, 0, part.Count);
            if (part.EndOfMessage)
            {
                return GatewayAnswer.Lines(Encoding.UTF8.GetString(message.ToArray()));
            }
        }
    }
}
