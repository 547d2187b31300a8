namespace Granary.Server.Import;

/// <summary>The server that is being copied has compacted changes that were still to be fetched.</summary>
internal sealed class SourceCompactedException() : Exception("the source has compacted what was still to be fetched");
