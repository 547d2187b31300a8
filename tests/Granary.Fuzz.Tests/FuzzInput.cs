namespace Granary.Fuzz.Tests;

/// <summary>One input of a target.</summary>
/// <param name="To">Where it goes: a method, a path, a file.</param>
/// <param name="Bytes">What goes there.</param>
internal sealed record FuzzInput(string To, byte[] Bytes);
