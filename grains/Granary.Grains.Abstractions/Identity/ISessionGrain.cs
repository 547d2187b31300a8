namespace Granary.Grains.Identity;

/// <summary>The simple tokens that one silo knows. Its key is the silo's address.</summary>
[Alias("Granary.ISessionGrain")]
public interface ISessionGrain : IGrainWithStringKey
{
    /// <summary>Learns of a token that another silo has given; returns when the silo also has what the token rests on.</summary>
    [Alias("Add")]
    ValueTask Add(Session session, CancellationToken cancellationToken);
}
