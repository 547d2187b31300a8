using Granary.Storage.Replicas;

namespace Granary.Log.Engines.Embedded;

/// <summary>Reads a log through as an opening would, without changing anything.</summary>
/// <param name="FirstIndex">The first record that is there.</param>
/// <param name="LastIndex">The last one.</param>
/// <param name="Replayed">Records behind the state, all of which can be read.</param>
public sealed record SegmentLogCheck(long FirstIndex, long LastIndex, long Replayed)
{
    /// <param name="directory">The log's directory.</param>
    /// <param name="after">The last record that the state holds.</param>
    /// <returns>What is there; null for no log at all, which fits a state that holds none of one.</returns>
    /// <exception cref="LogDamagedException">It is not what was made durable, or does not fit the state.</exception>
    public static SegmentLogCheck? Run(string directory, long after)
    {
        var found = Directory.Exists(directory) ? LogVerification.Verify(directory, DiskLogFiles.Instance) : null;
        SegmentLog.RequireFit(directory, found, after);
        if (found is null)
        {
            return null;
        }

        var replayed = 0L;
        LogVerification.Replay(found, DiskLogFiles.Instance, after, (index, record) =>
        {
            try
            {
                LogRecord.Decode(record);
            }
            catch (InvalidDataException exception)
            {
                throw new LogDamagedException(found.Last.Path, 0, $"record {index}: {exception.Message}", exception);
            }

            replayed++;
        });
        return new SegmentLogCheck(found.Segments[0].FirstIndex, found.LastIndex, replayed);
    }
}
