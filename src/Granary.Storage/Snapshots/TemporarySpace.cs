namespace Granary.Storage.Snapshots;

/// <summary>Where temporary files may be.</summary>
/// <param name="Directory">The files have no name there, and are gone with the process at the latest.</param>
/// <param name="HasRoom">Whether the disk has room for more of them and for what is kept for others; asked again and again. Null: ask nobody.</param>
public sealed record TemporarySpace(string Directory, Func<bool>? HasRoom = null);
