using Google.Protobuf;

namespace Granary.Grains.Identity;

/// <summary>What a simple token stands for.</summary>
/// <param name="Token">As its client has it.</param>
/// <param name="User">Whose it is.</param>
/// <param name="Password">The hash of the password by which it was got: it ends with that.</param>
/// <param name="EnabledAt">When authentication was turned on: it ends with that too.</param>
/// <param name="Index">The index of the last record that its giver had applied.</param>
[GenerateSerializer, Immutable, Alias("Granary.Session")]
public sealed record Session(
    [property: Id(0)] string Token, [property: Id(1)] string User, [property: Id(2)] ByteString Password, [property: Id(3)] ulong EnabledAt, [property: Id(4)] long Index);
