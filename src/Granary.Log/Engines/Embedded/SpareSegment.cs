namespace Granary.Log.Engines.Embedded;

/// <summary>A file of a segment's size, ready to become the next segment.</summary>
internal sealed record SpareSegment(ILogFile File, string Path);
