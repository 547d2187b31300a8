using Google.Protobuf;
using Granary.Mvcc.Keys;

namespace Granary.Mvcc.Evaluation;

/// <summary>What a view knows of the number of keys in a range without looking at each.</summary>
/// <param name="Count">Keys in those parts of the range that are counted.</param>
/// <param name="Uncounted">The other parts, in key order.</param>
public readonly record struct KeyCount(long Count, IReadOnlyList<KeyRange> Uncounted);

/// <summary>A part of a range that was counted.</summary>
/// <param name="Start">Where it begins; it ends where the next one begins, or with the range.</param>
/// <param name="Count">Its keys.</param>
public readonly record struct CountedPart(ByteString Start, int Count);
