using Granary.Protos;

namespace Granary.Grains.Watches;

/// <summary>Roughly what responses and events take in memory, without going through their fields as serialization does.</summary>
internal static class EventSize
{
    public const int OfReply = 192;

    private const int OfEvent = 64;

    public static int Of(Event @event) =>
        OfEvent + @event.Kv.Key.Length + @event.Kv.Value.Length + (@event.PrevKv is { } previous ? previous.Key.Length + previous.Value.Length : 0);
}
