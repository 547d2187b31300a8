namespace Granary.Server.Configuration;

/// <summary>One flag of etcd that sets nothing here. It is ignored, unless it asks for a system that Granary is not.</summary>
/// <param name="Name">Without dashes in front.</param>
/// <param name="Objection">Says what is wrong with a value and what to do, or null for one without effect; none is wrong if this is null.</param>
/// <param name="IsSwitch">Whether it may stand alone, for true.</param>
/// <param name="IsInFilesOnly">Whether only configuration files have it.</param>
internal sealed record EtcdFlag(string Name, Func<string, string?>? Objection = null, bool IsSwitch = false, bool IsInFilesOnly = false)
{
    public string EnvironmentVariable => Flag.VariableOf("ETCD_", Name);

    /// <exception cref="SettingsException">The value asks for what would change what clients are promised.</exception>
    public void Check(string value, string source)
    {
        try
        {
            if (Objection?.Invoke(value) is { } objection)
            {
                throw new SettingsException($"{source}: {objection}");
            }
        }
        catch (FormatException exception)
        {
            throw new SettingsException($"{source}: {exception.Message}");
        }
    }
}
