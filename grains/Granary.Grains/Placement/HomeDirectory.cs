using Orleans.GrainDirectory;
using Orleans.Runtime;

namespace Granary.Grains.Placement;

/// <summary>The directory of grains whose silo follows from their key: nothing needs to be noted, and nobody to be asked.</summary>
/// <param name="find">The silo of a grain, or null when nobody knows it now.</param>
internal sealed class HomeDirectory(Func<GrainId, SiloAddress?> find) : IGrainDirectory
{
    /// <summary>Of <see cref="LeaderPlacementAttribute"/>.</summary>
    public const string OfTerms = "granary-terms";

    /// <summary>Of <see cref="SiloPlacementAttribute"/>.</summary>
    public const string OfSilos = "granary-silos";

    /// <summary>Of grains that each silo has for itself.</summary>
    public const string OfThisSilo = "granary-here";

    public Task<GrainAddress?> Register(GrainAddress address) => Task.FromResult<GrainAddress?>(address);

    public Task<GrainAddress?> Register(GrainAddress address, GrainAddress? previousAddress) => Register(address);

    public Task Unregister(GrainAddress address) => Task.CompletedTask;

    public Task<GrainAddress?> Lookup(GrainId grainId) =>
        Task.FromResult(find(grainId) is { } silo ? new GrainAddress { GrainId = grainId, SiloAddress = silo } : null);

    public Task UnregisterSilos(List<SiloAddress> siloAddresses) => Task.CompletedTask;
}
