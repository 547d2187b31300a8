namespace Granary.Server.Tests;

internal interface ICounterGrain : IGrainWithStringKey
{
    Task<long> Next();
}
