using System.Buffers;
using Granary.Log.Engines.Embedded;
using Microsoft.Extensions.Logging.Abstractions;

namespace Granary.Log.Tests.Embedded;

/// <summary>A log with small segments, and what it replayed when it was opened.</summary>
internal sealed class OpenedLog : IDisposable
{
    private OpenedLog(SegmentLog log, IReadOnlyList<byte[]> replayed)
    {
        Log = log;
        Replayed = replayed;
    }

    public SegmentLog Log { get; }

    public IReadOnlyList<byte[]> Replayed { get; }

    public static SegmentLogOptions Options(LogDirectory directory) => new()
    {
        Directory = directory.Path,
        SegmentBytes = 8192,
        MaxRecordBytes = 3000,
        SpareRetryInterval = TimeSpan.FromMilliseconds(5),
    };

    public static OpenedLog Open(LogDirectory directory, long after = 0, ILogFiles? files = null) =>
        Open(Options(directory), after, files);

    public static OpenedLog Open(SegmentLogOptions options, long after = 0, ILogFiles? files = null)
    {
        var replayed = new List<byte[]>();
        var log = SegmentLog.Open(
            options,
            after,
            (index, payload) =>
            {
                Assert.Equal(after + replayed.Count + 1, index);
                replayed.Add(payload.ToArray());
            },
            NullLogger.Instance,
            files);
        Assert.Equal(after + replayed.Count, log.LastIndex);
        return new OpenedLog(log, replayed);
    }

    public long Stage(params ReadOnlySpan<byte> payload)
    {
        Log.BeginRecord(payload.Length).Write(payload);
        return Log.EndRecord();
    }

    /// <summary>One record, one flush.</summary>
    public long Append(params ReadOnlySpan<byte> payload)
    {
        var index = Stage(payload);
        Log.Flush();
        Assert.Equal(index, Log.LastIndex);
        return index;
    }

    public void Dispose() => Log.Dispose();
}
