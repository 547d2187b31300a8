namespace Granary.Client;

/// <summary>What the server knows of a lease.</summary>
/// <param name="Id">Which.</param>
/// <param name="Remaining">How long it lives yet, in whole seconds.</param>
/// <param name="Granted">How long it lives without a renewal.</param>
/// <param name="Keys">The keys that are attached to it, if they were asked for.</param>
public sealed record LeaseStatus(long Id, TimeSpan Remaining, TimeSpan Granted, IReadOnlyList<Bytes> Keys);
