using Google.Api;
using Google.Protobuf;
using ServiceDescriptor = Google.Protobuf.Reflection.ServiceDescriptor;

namespace Granary.Server.Gateway;

/// <summary>Finds the call that an HTTP path stands for. The paths are those that the .proto files name, so that a new call needs nothing here.</summary>
internal sealed class GatewayRoutes
{
    // Clients of old that know no other prefix are served as well.
    private const string BetaPrefix = "/v3beta/";
    private const string Prefix = "/v3/";

    private readonly Dictionary<string, GatewayMethod> _methods = [];

    public GatewayRoutes(IEnumerable<ServiceDescriptor> services)
    {
        foreach (var descriptor in services.SelectMany(service => service.Methods))
        {
            if (descriptor.GetOptions()?.GetExtension(AnnotationsExtensions.Http) is { } rule)
            {
                var method = new GatewayMethod(descriptor);
                _methods.Add(rule.Post, method);
                foreach (var alias in rule.AdditionalBindings)
                {
                    _methods.Add(alias.Post, method);
                }
            }
        }
    }

    /// <summary>Whether a path belongs to the gateway at all.</summary>
    public static bool Owns(string path) =>
        path.StartsWith(Prefix, StringComparison.Ordinal) || path.StartsWith(BetaPrefix, StringComparison.Ordinal);

    public GatewayMethod? Find(string path) => _methods.GetValueOrDefault(
        path.StartsWith(BetaPrefix, StringComparison.Ordinal) ? string.Concat(Prefix, path.AsSpan(BetaPrefix.Length)) : path);
}
