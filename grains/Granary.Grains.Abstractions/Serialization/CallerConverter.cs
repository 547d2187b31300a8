using Granary.Mvcc.Auth;

namespace Granary.Grains.Serialization;

/// <summary>Turns a <see cref="Caller"/> into its form between silos and back.</summary>
[RegisterConverter]
public sealed class CallerConverter : IConverter<Caller, CallerSurrogate>
{
    public Caller ConvertFromSurrogate(in CallerSurrogate surrogate) =>
        Caller.Restore(surrogate.User, surrogate.TokenRevision, surrogate.IsServer);

    public CallerSurrogate ConvertToSurrogate(in Caller value) =>
        new() { User = value.User, TokenRevision = value.TokenRevision, IsServer = value.IsServer };
}
