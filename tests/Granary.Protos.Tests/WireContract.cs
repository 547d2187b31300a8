using System.Reflection;
using Google.Protobuf.Reflection;

namespace Granary.Protos.Tests;

/// <summary>Everything in an assembly's file descriptors that the bytes on the wire depend on, one line per fact.</summary>
internal static class WireContract
{
    private static readonly string[] Packages = ["etcdserverpb", "mvccpb", "authpb", "v3lockpb", "v3electionpb"];

    public static SortedSet<string> Of(Assembly assembly)
    {
        var facts = new SortedSet<string>(StringComparer.Ordinal);
        foreach (var file in FilesOf(assembly).Where(file => Packages.Contains(file.Package)))
        {
            facts.UnionWith(file.MessageTypes.SelectMany(OfMessage));
            facts.UnionWith(file.EnumTypes.SelectMany(OfEnum));
            facts.UnionWith(file.Services.SelectMany(OfService));
        }

        return facts;
    }

    private static IEnumerable<FileDescriptor> FilesOf(Assembly assembly) =>
        assembly.GetTypes()
            .Select(type => type.GetProperty("Descriptor", BindingFlags.Public | BindingFlags.Static)?.GetValue(null))
            .OfType<FileDescriptor>();

    private static IEnumerable<string> OfMessage(MessageDescriptor message)
    {
        yield return $"message {message.FullName}";
        foreach (var field in message.Fields.InDeclarationOrder())
        {
            yield return $"field {message.FullName}.{field.Name} = {field.FieldNumber}: {LabelOf(field)} {TypeOf(field)}{OneofOf(field)}";
        }

        foreach (var fact in message.NestedTypes.SelectMany(OfMessage).Concat(message.EnumTypes.SelectMany(OfEnum)))
        {
            yield return fact;
        }
    }

    private static IEnumerable<string> OfEnum(EnumDescriptor type) =>
        type.Values.Select(value => $"value {type.FullName}.{value.Name} = {value.Number}").Prepend($"enum {type.FullName}");

    private static IEnumerable<string> OfService(ServiceDescriptor service) =>
        service.Methods
            .Select(method =>
                $"rpc {service.FullName}.{method.Name}({StreamOf(method.IsClientStreaming)}{method.InputType.FullName})" +
                $" returns ({StreamOf(method.IsServerStreaming)}{method.OutputType.FullName})")
            .Prepend($"service {service.FullName}");

    private static string StreamOf(bool streaming) => streaming ? "stream " : "";

    private static string OneofOf(FieldDescriptor field) =>
        field.RealContainingOneof is { } oneof ? $" in oneof {oneof.Name}" : "";

    private static string LabelOf(FieldDescriptor field) =>
        field.IsMap ? "map" : field.IsRepeated ? "repeated" : field.HasPresence ? "present-or-not" : "plain";

    private static string TypeOf(FieldDescriptor field) => field.FieldType switch
    {
        FieldType.Message or FieldType.Group => field.MessageType.FullName,
        FieldType.Enum => field.EnumType.FullName,
        var scalar => scalar.ToString(),
    };
}
