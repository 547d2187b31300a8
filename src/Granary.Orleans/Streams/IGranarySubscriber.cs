using Orleans;

namespace Granary.Orleans;

/// <summary>A grain that is told of the changes of the keys that name it; see <see cref="ImplicitGranarySubscriptionAttribute"/>.</summary>
[Alias("Granary.Orleans.IGranarySubscriber")]
public interface IGranarySubscriber : IGrainWithStringKey
{
    /// <summary>
    /// Tells of changes, in their order. It may tell the same again, after a fault of a silo or a server: a grain that must not do things twice notes the revision
    /// that it has seen. As long as it throws it is told the same again, with growing pauses of ten seconds at most, and others below the prefix wait.
    /// </summary>
    [Alias("OnChanges")]
    Task OnChangesAsync(GranaryChanges changes);
}
