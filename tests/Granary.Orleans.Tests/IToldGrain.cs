using Orleans;

namespace Granary.Orleans.Tests;

public interface IToldGrain : IGranarySubscriber
{
    /// <summary>What it was told, as <c>revision key</c>, with <c>now</c> before it where changes may have been missed, <c>-</c> before what was deleted.</summary>
    Task<List<string>> Notes();

    /// <summary>Takes nothing until it has refused so many times.</summary>
    Task Refuse(int times);
}
