using Granary.Protos;

namespace Granary.Grains.Watches;

/// <summary>A response on its way to a client.</summary>
/// <param name="Response">The response; its header lacks the ids of the member.</param>
/// <param name="SizeBytes">Roughly what it takes.</param>
/// <param name="MayFragment">Whether the client takes it in pieces.</param>
/// <param name="CommitTrace">The trace context of the commit that it tells of, if that is sampled.</param>
public readonly record struct OutgoingResponse(WatchResponse Response, int SizeBytes, bool MayFragment = false, string? CommitTrace = null);
