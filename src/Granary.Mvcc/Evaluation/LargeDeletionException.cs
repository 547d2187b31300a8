namespace Granary.Mvcc.Evaluation;

/// <summary>A request deletes more than a batch that others wait in may: it is to be decided apart from them.</summary>
public sealed class LargeDeletionException() : Exception("The request deletes more than its batch may.");
