namespace Granary.Streams.Tests;

/// <summary>A sample of a grain that follows the keyspace: it notes every change of it, in order, and goes on where it was when it comes back.</summary>
public interface IAuditGrain : IGrainWithStringKey
{
    /// <summary>Follows the commits of its silo from a revision on.</summary>
    Task Follow(long fromRevision);

    /// <summary>What it has noted, as "revision key".</summary>
    Task<List<string>> Notes();

    /// <summary>The type names of the errors that the stream told it.</summary>
    Task<List<string>> Errors();

    /// <summary>How often it was activated, to tell that it was away.</summary>
    Task<int> Activations();

    Task GoAway();
}
