namespace Granary.Grains.Identity;

/// <summary>The simple tokens that this silo knows.</summary>
public interface ISessions
{
    /// <summary>Learns of a token.</summary>
    void Add(Session session);
}
