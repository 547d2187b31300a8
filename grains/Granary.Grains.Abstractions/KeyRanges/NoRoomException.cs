namespace Granary.Grains.KeyRanges;

/// <summary>A large answer finds no room in the <see cref="AnswerBudget"/>. It never leaves the grain that reads.</summary>
public sealed class NoRoomException() : Exception("There is no room for another large answer.");
