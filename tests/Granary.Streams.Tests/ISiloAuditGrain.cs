namespace Granary.Streams.Tests;

internal interface ISiloAuditGrain : IGrainWithStringKey
{
    Task<List<string>> Notes();
}
