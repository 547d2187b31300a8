using Google.Protobuf;

namespace Granary.Storage.Replicas;

/// <summary>Where to go on reading events: at one of a revision's, which may be very many.</summary>
/// <param name="Revision">The revision.</param>
/// <param name="Sub">The sub-revision of the next event; 0 at the beginning of a revision.</param>
/// <param name="Before">The key of the event before that one; null at the beginning of a revision.</param>
public readonly record struct EventPlace(long Revision, int Sub = 0, ByteString? Before = null)
{
    public static EventPlace Behind(in StoredEvent @event) => new(@event.Revision, @event.Sub + 1, @event.ChangedKey);

    public bool IsBefore(EventPlace other) => Revision != other.Revision ? Revision < other.Revision : Sub < other.Sub;
}
