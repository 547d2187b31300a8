using Granary.Protos;

namespace Granary.Grains.Watches;

/// <summary>An event for those who did not ask for the previous pair.</summary>
internal static class BareEvent
{
    public static Event Of(Event full) => full.PrevKv is null ? full : new Event { Type = full.Type, Kv = full.Kv };
}
