namespace Granary.Storage.Stores;

/// <summary>The disk is full, so the store takes nothing. Nothing was written; the same can be tried again when there is room.</summary>
public sealed class StoreFullException(string directory, Exception inner)
    : IOException($"The disk of the store in {directory} is full; free some space. {inner.Message}", inner);
