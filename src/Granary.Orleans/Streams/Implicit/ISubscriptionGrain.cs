using Orleans;

namespace Granary.Orleans.Streams.Implicit;

/// <summary>Tells the grains of one type what changes below one prefix. There is one in a cluster.</summary>
[Alias("Granary.Orleans.ISubscriptionGrain")]
internal interface ISubscriptionGrain : IGrainWithStringKey
{
    /// <summary>Has it be at work. It goes on by itself until its silo ends, or the store refuses it.</summary>
    [Alias("Work")]
    Task Work();
}
