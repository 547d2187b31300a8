using Google.Protobuf;
using Granary.Protos;

namespace Granary.Model;

/// <summary>One change in the history; without a pair it is a deletion.</summary>
public sealed record ModelEvent(long Revision, ByteString Key, KeyValue? Pair);
