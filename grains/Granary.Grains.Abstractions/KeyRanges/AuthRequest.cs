using Google.Protobuf;

namespace Granary.Grains.KeyRanges;

/// <summary>Any request of the Auth service that changes something, on its way to the leader.</summary>
/// <param name="Message">One of the messages of etcd's API.</param>
[GenerateSerializer, Immutable, Alias("Granary.AuthRequest")]
public readonly record struct AuthRequest([property: Id(0)] IMessage Message);
