namespace Granary.Grains.Watches;

internal enum WatcherState
{
    /// <summary>Not taken into the hub yet.</summary>
    New,

    /// <summary>In the live group: it gets each commit as the stream delivers it.</summary>
    Synced,

    /// <summary>Behind: it waits for, or takes part in, a pass over history.</summary>
    Unsynced,

    /// <summary>Behind, and its client does not read: it waits for room.</summary>
    Stalled,

    /// <summary>Canceled: whatever is under way for it is dropped.</summary>
    Gone,
}
