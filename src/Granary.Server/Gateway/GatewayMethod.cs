using Google.Protobuf.Reflection;

namespace Granary.Server.Gateway;

/// <summary>A call that can be made with JSON over HTTP, and the gRPC call that it stands for.</summary>
internal sealed class GatewayMethod(MethodDescriptor descriptor)
{
    /// <summary>As gRPC has it: /etcdserverpb.KV/Range.</summary>
    public string GrpcPath { get; } = $"/{descriptor.Service.FullName}/{descriptor.Name}";

    public MessageDescriptor Input => descriptor.InputType;

    public MessageDescriptor Output => descriptor.OutputType;

    /// <summary>Whether the request is a sequence of messages.</summary>
    public bool TakesStream => descriptor.IsClientStreaming;

    /// <summary>Whether the answer is a sequence of messages.</summary>
    public bool GivesStream => descriptor.IsServerStreaming;
}
