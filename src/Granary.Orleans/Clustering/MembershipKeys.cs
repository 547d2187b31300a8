using Granary.Client;
using Orleans.Runtime;

namespace Granary.Orleans.Clustering;

/// <summary>
/// The keys of a cluster's membership: its version, a row for each silo, and when each was last alive. That is apart from the row, so that it changes
/// nothing that others watch.
/// </summary>
internal sealed class MembershipKeys(string clusterId)
{
    private readonly string _prefix = $"orleans/{Uri.EscapeDataString(clusterId)}/membership/";

    public KeyRange All => KeyRange.Prefix(_prefix);

    public string Version => $"{_prefix}version";

    public string Row(SiloAddress silo) => $"{_prefix}silos/{silo.ToParsableString()}";

    public string IsAlive(SiloAddress silo) => $"{_prefix}alive/{silo.ToParsableString()}";

    /// <summary>The silo of a row's key; null where it is another key.</summary>
    public SiloAddress? SiloOf(Bytes key) => Silo(key, "silos/");

    /// <summary>The silo that is said to be alive by a key; null where it is another key.</summary>
    public SiloAddress? AliveOf(Bytes key) => Silo(key, "alive/");

    private SiloAddress? Silo(Bytes key, string folder)
    {
        var text = key.ToString();
        return text.StartsWith(_prefix + folder, StringComparison.Ordinal) ? SiloAddress.FromParsableString(text[(_prefix.Length + folder.Length)..]) : null;
    }
}
