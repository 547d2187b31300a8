using System.Diagnostics.Metrics;
using Granary.Grains.KeyRanges;

namespace Granary.Grains.Watches;

/// <summary>What the watch hub measures.</summary>
internal static class WatchMetrics
{
    private static readonly Meter Meter = new(KeyRangeMetrics.MeterName);

    public static readonly UpDownCounter<int> Streams =
        Meter.CreateUpDownCounter<int>("granary.watch.streams", description: "Watch streams that are open.");

    public static readonly UpDownCounter<int> Watchers =
        Meter.CreateUpDownCounter<int>("granary.watch.watchers", description: "Watchers, whatever their state.");

    public static readonly UpDownCounter<int> Behind =
        Meter.CreateUpDownCounter<int>("granary.watch.watchers.behind", description: "Watchers that are not in the live group.");

    public static readonly UpDownCounter<int> Synced =
        Meter.CreateUpDownCounter<int>("granary.watch.watchers.synced", description: "Watchers that get events as they are committed.");

    public static readonly UpDownCounter<int> Unsynced =
        Meter.CreateUpDownCounter<int>("granary.watch.watchers.unsynced", description: "Watchers that are being caught up from history.");

    public static readonly UpDownCounter<int> Stalled =
        Meter.CreateUpDownCounter<int>("granary.watch.watchers.stalled", description: "Watchers behind whose client does not read.");

    public static readonly Counter<long> Events =
        Meter.CreateCounter<long>("granary.watch.events", description: "Events handed to watchers.");

    public static readonly Counter<int> FellBehind =
        Meter.CreateCounter<int>("granary.watch.fell_behind", description: "Times that a watcher left the live group because its client did not read.");

    public static readonly Counter<int> Compacted =
        Meter.CreateCounter<int>("granary.watch.compacted", description: "Watchers that were canceled because what they needed next was compacted.");

    public static readonly Counter<long> Gaps =
        Meter.CreateCounter<long>("granary.watch.gaps", description: "Revisions that the stream did not deliver and that were read from history.");
}
