using Granary.Protos;

namespace Granary.Grains.Watches;

/// <summary>Tells how far streams have got, to those who asked, once the live group is where the store was when they did.</summary>
/// <param name="streams">All there are, by number.</param>
internal sealed class ProgressReports(IReadOnlyDictionary<long, WatchStream> streams)
{
    // What was asked for when the store was ahead of the stream of commits.
    private readonly List<Due> _due = [];

    /// <summary>Tells the progress of a stream, now or as soon as the live group has got to a revision.</summary>
    /// <param name="stream">Its number.</param>
    /// <param name="revision">The revision that the live group must have got to.</param>
    /// <param name="ofStream">Whether it was asked for, and is of all watchers together; else of each that wants it and was quiet.</param>
    /// <param name="position">Where the live group is.</param>
    public void Tell(long stream, long revision, bool ofStream, long position)
    {
        var progress = new Due(stream, revision, ofStream);
        if (!TryTell(progress, position))
        {
            _due.Add(progress);
        }
    }

    /// <summary>Tells what waited for the live group to get where it is now.</summary>
    public void TellDue(long position)
    {
        for (var i = 0; i < _due.Count;)
        {
            if (TryTell(_due[i], position))
            {
                _due.RemoveAt(i);
            }
            else
            {
                i++;
            }
        }
    }

    private bool TryTell(Due progress, long position)
    {
        if (position < progress.Revision)
        {
            return false;
        }

        if (!streams.TryGetValue(progress.Stream, out var stream))
        {
            return true;
        }

        if (progress.OfStream)
        {
            if (stream.Watchers.Count > 0 && stream.Behind == 0 && stream.Watchers.Values.All(watcher => watcher.StartRevision <= position))
            {
                stream.Reply(new WatchResponse { WatchId = WatchStream.NoWatcher }, position);
            }

            return true;
        }

        foreach (var watcher in stream.Watchers.Values)
        {
            if (!watcher.WantsProgress)
            {
                continue;
            }

            if (watcher.IsQuiet && watcher.State == WatcherState.Synced && watcher.StartRevision <= position)
            {
                stream.Reply(new WatchResponse { WatchId = watcher.Id }, position);
            }

            watcher.IsQuiet = true;
        }

        return true;
    }

    private readonly record struct Due(long Stream, long Revision, bool OfStream);
}
