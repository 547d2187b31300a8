using System.Collections.Frozen;
using Grpc.Core;
using ServiceDescriptor = Google.Protobuf.Reflection.ServiceDescriptor;

namespace Granary.Server.Facade;

/// <summary>Answers calls of methods and services that are not there in etcd's words, before anything else looks at them.</summary>
internal sealed class UnknownMethods(RequestDelegate next, IReadOnlyList<ServiceDescriptor> services)
{
    private readonly FrozenSet<string> _methods =
        services.SelectMany(service => service.Methods, (service, method) => $"/{service.FullName}/{method.Name}").ToFrozenSet();

    private readonly FrozenSet<string> _services = services.Select(service => service.FullName).ToFrozenSet();

    public Task Invoke(HttpContext context)
    {
        var path = context.Request.Path.Value!;
        if (_methods.Contains(path)
            || context.Request.ContentType?.StartsWith("application/grpc", StringComparison.OrdinalIgnoreCase) is not true)
        {
            return next(context);
        }

        var slash = path.LastIndexOf('/');
        var service = slash > 0 ? path[1..slash] : "";
        var message = slash <= 0 ? $"malformed method name: \"{path}\""
            : _services.Contains(service) ? $"unknown method {path[(slash + 1)..]} for service {service}"
            : $"unknown service {service}";
        EndedCall.Write(context, StatusCode.Unimplemented, message);
        return Task.CompletedTask;
    }
}
