using Google.Protobuf.Reflection;
using Granary.Server.Facade;
using Grpc.Core;

namespace Granary.Fuzz.Tests;

/// <summary>Requests of every unary method that say anything, or are none: each is answered, and the server goes on.</summary>
public sealed class UnaryCallTests(FuzzedServer server) : IClassFixture<FuzzedServer>
{
    private const int BetweenLooks = 200;

    private static readonly Marshaller<byte[]> Raw = Marshallers.Create(static value => value, static value => value);

    private static readonly Dictionary<string, MethodDescriptor> Methods = EtcdServices.All.SelectMany(service => service.Methods)
        .Where(method => !method.IsClientStreaming && !method.IsServerStreaming)
        .ToDictionary(method => method.FullName);

    private int _calls;

    [Fact]
    public async Task Unary_calls()
    {
        var invoker = server.Server.Channel.CreateCallInvoker();
        await FuzzRun.Try(
            "unary calls",
            mutator =>
            {
                var (_, method) = CallOracle.Choose([.. Methods], mutator);
                var message = WireMessages.Of(method.InputType, mutator);
                return new FuzzInput(method.FullName, mutator.OneIn(3) ? mutator.Mutate(message) : message);
            },
            async input =>
            {
                var method = Methods[input.To];
                var waits = CallOracle.Waits(method);
                var options = new CallOptions(
                    deadline: DateTime.UtcNow + (waits ? CallOracle.Patience : FuzzedServer.Deadline), cancellationToken: TestContext.Current.CancellationToken);
                try
                {
                    await invoker.AsyncUnaryCall(new Method<byte[], byte[]>(MethodType.Unary, method.Service.FullName, method.Name, Raw, Raw), null, options, input.Bytes);
                }
                catch (RpcException exception)
                {
                    CallOracle.MustBeMapped(exception.StatusCode, exception.Status.Detail, waits);
                }

                if (++_calls % BetweenLooks == 1)
                {
                    await server.MustBeWell();
                }
            });
        await server.MustBeWell();
    }
}
