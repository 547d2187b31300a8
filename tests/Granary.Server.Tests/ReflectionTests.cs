using Grpc.Core;
using Grpc.Reflection.V1Alpha;

namespace Granary.Server.Tests;

/// <summary>Tools without the .proto files can ask the server for them.</summary>
[Collection("one server at a time")]
public sealed class ReflectionTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Reflection_lists_the_services_and_describes_the_kv_service()
    {
        await using var server = await InProcessServer.Start(Stop);
        var reflection = new ServerReflection.ServerReflectionClient(server.Channel);
        var listed = await Ask(reflection, new ServerReflectionRequest { ListServices = "*" });
        Assert.Superset(
            new HashSet<string> { "etcdserverpb.KV", "etcdserverpb.Maintenance", "etcdserverpb.Cluster", "grpc.health.v1.Health" },
            listed.ListServicesResponse.Service.Select(service => service.Name).ToHashSet());

        var file = await Ask(reflection, new ServerReflectionRequest { FileContainingSymbol = "etcdserverpb.KV" });
        Assert.NotEmpty(file.FileDescriptorResponse.FileDescriptorProto);
    }

    [Fact]
    public async Task Reflection_can_be_shut()
    {
        await using var server = await InProcessServer.Start(Stop, static options => options with { EnableGrpcReflection = false });
        var reflection = new ServerReflection.ServerReflectionClient(server.Channel);
        var refused = await Assert.ThrowsAsync<RpcException>(() => Ask(reflection, new ServerReflectionRequest { ListServices = "*" }));
        Assert.Equal((StatusCode.Unimplemented, "unknown service grpc.reflection.v1alpha.ServerReflection"), (refused.StatusCode, refused.Status.Detail));
    }

    private static async Task<ServerReflectionResponse> Ask(ServerReflection.ServerReflectionClient reflection, ServerReflectionRequest request)
    {
        using var call = reflection.ServerReflectionInfo(cancellationToken: Stop);
        await call.RequestStream.WriteAsync(request, Stop);
        await call.RequestStream.CompleteAsync();
        Assert.True(await call.ResponseStream.MoveNext(Stop));
        return call.ResponseStream.Current;
    }
}
