namespace Granary.Client;

/// <summary>An alarm that a member has raised.</summary>
/// <param name="MemberId">Which member.</param>
/// <param name="Kind">What is wrong.</param>
public sealed record Alarm(ulong MemberId, AlarmKind Kind);
