using System.Buffers.Binary;
using Google.Protobuf.Reflection;
using Granary.Server.Facade;

namespace Granary.Fuzz.Tests;

/// <summary>Streams of frames that say anything, or are none, to every method that takes or gives a stream.</summary>
public sealed class StreamTests(FuzzedServer server) : IClassFixture<FuzzedServer>
{
    private const int BetweenLooks = 100;
    private const int FrameHeaderBytes = 5;

    private static readonly Dictionary<string, MethodDescriptor> Methods = EtcdServices.All.SelectMany(service => service.Methods)
        .Where(method => method.IsClientStreaming || method.IsServerStreaming)
        .ToDictionary(method => $"/{method.Service.FullName}/{method.Name}");

    private int _calls;

    [Fact]
    public async Task Streams()
    {
        using var client = Channels.RawHttp2(server.Server.Address);
        await FuzzRun.Try(
            "streams",
            mutator =>
            {
                var (path, method) = CallOracle.Choose([.. Methods], mutator);
                var frames = Frames(method, mutator);
                return new FuzzInput(path, mutator.OneIn(3) ? mutator.Mutate(frames) : frames);
            },
            async input =>
            {
                await Call(client, input);
                if (++_calls % BetweenLooks == 1)
                {
                    await server.MustBeWell();
                }
            });
        await server.MustBeWell();
    }

    private static async Task Call(HttpClient client, FuzzInput input)
    {
        var waits = CallOracle.Waits(Methods[input.To]);
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        deadline.CancelAfter(waits ? CallOracle.Patience : FuzzedServer.Deadline);
        try
        {
            var status = await RawGrpc.Call(client, input.To, input.Bytes, deadline.Token);
            CallOracle.MustBeMapped(status.StatusCode, status.Detail, waits);
        }
        catch (Exception exception) when (waits && deadline.IsCancellationRequested && exception is OperationCanceledException or HttpRequestException
            && !TestContext.Current.CancellationToken.IsCancellationRequested)
        {
            // Nothing came to end it.
        }
    }

    private static byte[] Frames(MethodDescriptor method, Mutator mutator)
    {
        var frames = new MemoryStream();
        for (var left = method.IsClientStreaming ? mutator.Below(6) : 1; left > 0; left--)
        {
            var message = WireMessages.Of(method.InputType, mutator);
            var header = new byte[FrameHeaderBytes];
            header[0] = mutator.OneIn(50) ? (byte)mutator.Below(3) : (byte)0;
            BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(1), mutator.OneIn(50) ? (int)mutator.Number() : message.Length);
            frames.Write(header);
            frames.Write(message);
        }

        return frames.ToArray();
    }
}
