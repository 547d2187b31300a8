using System.Reflection;

namespace Granary.Server;

/// <summary>Which version this is, and which etcd it stands in for.</summary>
internal static class ProductVersion
{
    /// <summary>The etcd version that clients are told; they parse it to learn what they may use.</summary>
    public const string Etcd = "3.6.14";

    /// <summary>The version that all members can work at, numbers only.</summary>
    public const string EtcdCluster = "3.6.0";

    public const string EtcdStorage = "3.6.0";

    public static string Granary { get; } =
        typeof(ProductVersion).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion.Split('+')[0];
}
