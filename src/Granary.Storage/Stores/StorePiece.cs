namespace Granary.Storage.Stores;

/// <summary>A part of a family.</summary>
/// <param name="LastKey">No key of it is greater.</param>
/// <param name="Bytes">What it takes up.</param>
public readonly record struct StorePiece(byte[] LastKey, long Bytes);
