using Google.Protobuf;
using Granary.Protos;

namespace Granary.Server.Import;

/// <summary>Where two keyspaces differ at a key.</summary>
/// <param name="Key">The key.</param>
/// <param name="Wanted">What the source has; null when it has nothing there.</param>
internal readonly record struct PairDifference(ByteString Key, KeyValue? Wanted);
