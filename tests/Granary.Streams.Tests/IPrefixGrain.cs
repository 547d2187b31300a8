namespace Granary.Streams.Tests;

internal interface IPrefixGrain : IGrainWithStringKey
{
    Task Follow(string prefix, long fromRevision);

    Task<List<string>> Notes();

    Task<int> Activations();

    Task GoAway();
}
