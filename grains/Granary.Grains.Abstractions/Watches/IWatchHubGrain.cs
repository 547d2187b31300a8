using Granary.Mvcc.Auth;
using Granary.Protos;

namespace Granary.Grains.Watches;

/// <summary>
/// Gives one silo's watchers their events. Its key is the silo's address; a watch stream is a number that the silo's registry gave.
/// Nothing is answered here: every reply goes through the stream's outlet, in order with its events.
/// </summary>
[Alias("Granary.IWatchHubGrain")]
public interface IWatchHubGrain : IGrainWithStringKey
{
    /// <summary>Creates a watcher on a stream, if its caller may read what it watches; the reply says whether.</summary>
    [Alias("Create")]
    ValueTask Create(long stream, WatchCreateRequest request, [Immutable] Caller caller);

    /// <summary>Replies that a watcher was not created, and why.</summary>
    [Alias("Refuse")]
    ValueTask Refuse(long stream, string reason);

    /// <summary>Cancels a watcher. There is no reply when the stream has none of this id.</summary>
    [Alias("Cancel")]
    ValueTask Cancel(long stream, long watchId);

    /// <summary>Asks for the progress of all watchers of the stream: replied only when none of them is behind or in the future.</summary>
    [Alias("RequestProgress")]
    ValueTask RequestProgress(long stream);

    /// <summary>Tells the progress of those watchers that want to be told and have had no events since the last time.</summary>
    [Alias("NotifyProgress")]
    ValueTask NotifyProgress(long stream);

    /// <summary>Says that the stream's outlet has room again after it had none.</summary>
    [Alias("Resume")]
    ValueTask Resume(long stream);

    /// <summary>Frees all watchers of a stream.</summary>
    [Alias("Close")]
    ValueTask Close(long stream);
}
