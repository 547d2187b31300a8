namespace Granary.Server.Configuration;

/// <summary>One flag of the command line, which is also a key of the configuration file and an environment variable.</summary>
/// <param name="Name">Without dashes in front.</param>
/// <param name="Help">What it sets, with unit and default.</param>
/// <param name="Apply">Sets it; throws <see cref="FormatException"/> with what is wrong with the value.</param>
/// <param name="IsSwitch">Whether it may stand alone, for true.</param>
/// <param name="IsOwn">Whether etcd does not have it.</param>
internal sealed record Flag(
    string Name,
    string Help,
    Func<ServerOptions, string, ServerOptions> Apply,
    bool IsSwitch = false,
    bool IsOwn = false)
{
    /// <summary>ETCD_DATA_DIR for etcd's data-dir, GRANARY_ENGINE for our engine.</summary>
    public string EnvironmentVariable => VariableOf(IsOwn ? "GRANARY_" : "ETCD_", Name);

    public static string VariableOf(string prefix, string name) => prefix + name.ToUpperInvariant().Replace('-', '_');
}
