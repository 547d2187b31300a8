using System.Buffers.Binary;
using System.Net;

namespace Granary.Fuzz.Tests;

/// <summary>Frames of HTTP/2 in any order, with anything in them: the connection goes on or ends, and others are served.</summary>
public sealed class Http2FrameTests(FuzzedServer server) : IClassFixture<FuzzedServer>
{
    private const int BetweenLooks = 100;
    private const int FrameTypes = 12;
    private const int GrpcHeaderBytes = 5;

    private static readonly string[] Paths =
        ["/etcdserverpb.KV/Range", "/etcdserverpb.KV/Put", "/etcdserverpb.Watch/Watch", "/etcdserverpb.Maintenance/Status", "/v3/kv/range", "/health", "", "*", "/\0", "x"];

    private static readonly string[] Names =
        [":method", ":path", ":scheme", ":authority", ":status", ":x", "content-type", "te", "connection", "content-length", "grpc-timeout", "grpc-encoding", "Upper", "", "cookie", "a b"];

    private int _connections;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Frames()
    {
        await FuzzRun.Try(
            "frames of HTTP/2",
            mutator => new FuzzInput("a connection", Connection(mutator)),
            async input =>
            {
                using var deadline = CancellationTokenSource.CreateLinkedTokenSource(Stop);
                deadline.CancelAfter(FuzzedServer.Deadline);
                using var client = await RawConnection.Connect(IPEndPoint.Parse(server.Server.Endpoint), deadline.Token);
                var reading = client.ReadToEnd(deadline.Token);
                await client.SendAll(input.Bytes, deadline.Token);
                await reading;
                if (++_connections % BetweenLooks == 1)
                {
                    await server.MustBeWell();
                }
            });
        await server.MustBeWell();
    }

    private static byte[] Connection(Mutator mutator)
    {
        var preface = mutator.OneIn(30) ? mutator.Mutate(Http2Frames.Preface) : Http2Frames.Preface;
        byte[] frames = [.. Http2Frames.Frame(Http2Frames.Settings, 0, 0, []), .. Enumerable.Range(0, mutator.Below(12)).SelectMany(_ => Frame(mutator))];
        return [.. preface, .. mutator.OneIn(4) ? mutator.Mutate(frames) : frames];
    }

    private static byte[] Frame(Mutator mutator)
    {
        var stream = mutator.OneIn(8) ? (int)mutator.Number() : mutator.Of([0, 1, 1, 1, 3, 3, 5, 2]);
        var type = (byte)mutator.Below(FrameTypes);
        var flags = mutator.OneIn(4) ? mutator.Bytes(1)[0] : mutator.Of<byte>([0, 1, 4, 5, 5]);
        var frame = Http2Frames.Frame(type, flags, stream, Payload(type, mutator));
        if (mutator.OneIn(20))
        {
            BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(1), (ushort)mutator.Number());
        }

        return frame;
    }

    private static byte[] Payload(byte type, Mutator mutator)
    {
        switch (type)
        {
            case Http2Frames.Headers or Http2Frames.Continuation:
                var headers = Http2Frames.CallHeaders(mutator.Of(Paths))
                    .Concat(Enumerable.Range(0, mutator.Below(4)).SelectMany(_ => Http2Frames.Header(mutator.Of(Names), mutator.Of(Paths), kept: mutator.OneIn(2)))).ToArray();
                return mutator.OneIn(3) ? mutator.Mutate(headers) : headers;
            case Http2Frames.Data:
                var message = WireMessages.Of(WatchRequest.Descriptor, mutator);
                return [.. new byte[GrpcHeaderBytes - 1], (byte)message.Length, .. message];
            case Http2Frames.Settings:
                return [.. Enumerable.Range(0, mutator.Below(5)).SelectMany(_ => (byte[])[0, (byte)mutator.Below(9), .. Number(mutator)])];
            case Http2Frames.Ping:
                return mutator.Bytes(mutator.OneIn(5) ? mutator.Below(20) : 8);
            case Http2Frames.WindowUpdate or Http2Frames.ResetStream:
                return Number(mutator);
            default:
                return mutator.Bytes(mutator.Below(30));
        }
    }

    private static byte[] Number(Mutator mutator)
    {
        var number = new byte[4];
        BinaryPrimitives.WriteInt32BigEndian(number, (int)mutator.Number());
        return number;
    }
}
