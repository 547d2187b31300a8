namespace Granary.Server.Listening;

/// <summary>Tells a request what the listener of its connection serves.</summary>
internal sealed record ListenerFeature(ListenerPurpose Purpose);
