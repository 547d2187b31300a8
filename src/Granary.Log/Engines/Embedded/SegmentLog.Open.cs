using Microsoft.Extensions.Logging;

namespace Granary.Log.Engines.Embedded;

public sealed partial class SegmentLog
{
    /// <summary>
    /// Opens the log, or creates it when the directory has none. All of it is verified first; then its last group is made durable
    /// once more, then its records are replayed.
    /// </summary>
    /// <param name="options">Settings.</param>
    /// <param name="after">The last record that the caller's state holds; 0 when it holds none.</param>
    /// <param name="replay">Gets the records after that one, in order.</param>
    /// <param name="logger">Told of what was found.</param>
    /// <param name="files">For tests; the real file system when null.</param>
    /// <exception cref="ArgumentException">A setting is out of its range.</exception>
    /// <exception cref="LogInUseException">The log is open elsewhere.</exception>
    /// <exception cref="LogDamagedException">
    /// The log is not what was made durable, or does not fit <paramref name="after"/>. Nothing was changed or replayed.
    /// </exception>
    /// <exception cref="LogFullException">There is no room for the first segment.</exception>
    /// <exception cref="LogFailedException">A write or a flush failed.</exception>
    public static SegmentLog Open(
        SegmentLogOptions options, long after, ReplayRecord replay, ILogger logger, ILogFiles? files = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(replay);
        ArgumentNullException.ThrowIfNull(logger);
        ArgumentOutOfRangeException.ThrowIfNegative(after);
        options.Validate();
        options = options with { Directory = Path.GetFullPath(options.Directory) };
        files ??= DiskLogFiles.Instance;
        CreateDirectory(options.Directory, files);

        var directoryLock = DirectoryLock.Take(options.Directory);
        SpareSegments? spares = null;
        SegmentLog? log = null;
        try
        {
            var found = LogVerification.Verify(options.Directory, files);
            RequireFit(options.Directory, found, after);
            if (found is not null)
            {
                MakeLastGroupDurable(options.Directory, found, files);
            }

            spares = new SpareSegments(options, files, logger);
            log = new SegmentLog(options, files, directoryLock, spares, found?.Id ?? Guid.NewGuid());
            log.Start(found, after, replay, logger);
            return log;
        }
        catch
        {
            spares?.Dispose();
            log?.Dispose();
            directoryLock.Dispose();
            throw;
        }
    }

    private static void CreateDirectory(string directory, ILogFiles files)
    {
        if (!Directory.Exists(directory))
        {
            Directory.CreateDirectory(directory);
            if (Path.GetDirectoryName(directory) is { } parent)
            {
                files.SyncDirectory(parent);
            }
        }
    }

    internal static void RequireFit(string directory, VerifiedLog? found, long after)
    {
        if (found is null)
        {
            if (after > 0)
            {
                throw new LogDamagedException(directory, 0, $"there is no log here, but the state is at record {after}");
            }

            return;
        }

        if (found.LastIndex < after)
        {
            throw new LogDamagedException(
                found.Last.Path, found.TailOffset, $"the log ends with record {found.LastIndex}, but the state is at record {after}");
        }

        if (found.Segments[0].FirstIndex > after + 1)
        {
            throw new LogDamagedException(
                found.Segments[0].Path,
                0,
                $"the log begins with record {found.Segments[0].FirstIndex}, the state is at record {after}: those between are missing");
        }
    }

    /// <summary>
    /// What could be read need not be on disk: a process that was killed, or whose flush failed, leaves its last group in the page
    /// cache, in the second case even counted as clean. So the last group is written and flushed once more before anyone relies on
    /// it; all before it were flushed before it was written. In the same go a torn group loses its header, its only part that could
    /// ever be taken for something.
    /// </summary>
    private static void MakeLastGroupDurable(string directory, VerifiedLog found, ILogFiles files)
    {
        try
        {
            files.SyncDirectory(directory);
            using var file = files.Open(found.Last.Path);
            var cut = Math.Min(GroupHeader.Bytes, found.Last.Bytes - found.TailOffset);
            var bytes = new byte[found.TailOffset - found.LastGroupOffset + cut];
            file.Read(bytes.AsSpan(0, bytes.Length - (int)cut), found.LastGroupOffset);
            file.Write(bytes, found.LastGroupOffset);
            file.Flush();
        }
        catch (IOException e)
        {
            throw new LogFailedException(directory, e);
        }
    }

    private void Start(VerifiedLog? found, long after, ReplayRecord replay, ILogger logger)
    {
        if (found is null)
        {
            CreateFirstSegment();
            Log.Created(logger, Id, _options.Directory);
            return;
        }

        _segments.AddRange(found.Segments);
        _current = _files.Open(found.Last.Path);
        _tailOffset = found.TailOffset;
        _lastIndex = found.LastIndex;
        _endedOrderly = found.EndedOrderly;
        _appendedBytes = LogVerification.Replay(found, _files, after, replay);
        Log.Opened(logger, Id, _options.Directory, FirstIndex, LastIndex, LastIndex - after, found.EndedOrderly);
    }

    private void CreateFirstSegment()
    {
        var spare = _spares.Take();
        try
        {
            BeginSegment(spare, firstIndex: 1);
        }
        catch (IOException e)
        {
            throw Fail(e);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(10, LogLevel.Information, "Created log {Id} in {Directory}.")]
        public static partial void Created(ILogger logger, Guid id, string directory);

        [LoggerMessage(
            11,
            LogLevel.Information,
            "Opened log {Id} in {Directory}: records {First} to {Last}, {Replayed} of them replayed; ended in order: {EndedOrderly}.")]
        public static partial void Opened(
            ILogger logger, Guid id, string directory, long first, long last, long replayed, bool endedOrderly);
    }
}
