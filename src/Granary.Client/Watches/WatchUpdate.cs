namespace Granary.Client;

/// <summary>What a watch tells at once.</summary>
/// <param name="Revision">The watch has told all that has changed until this revision, and with it.</param>
/// <param name="Events">The changes since the update before, in their order; none where only the progress is told.</param>
public sealed record WatchUpdate(long Revision, IReadOnlyList<WatchEvent> Events);
