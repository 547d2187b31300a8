using Microsoft.Extensions.Logging;

namespace Granary.Log.Engines.Embedded;

/// <summary>Owns the empty segments of a log: prepares them on a thread of its own, ahead of need, and gives them out.</summary>
internal sealed partial class SpareSegments : IDisposable
{
    private const int ZeroBytes = 1 << 20;

    private readonly SegmentLogOptions _options;
    private readonly ILogFiles _files;
    private readonly ILogger _logger;
    private readonly Thread _preparing;

    // Guards the fields below; pulsed at every change of them. No file is touched while it is held.
    private readonly object _changed = new();
    private readonly Queue<SpareSegment> _ready = new();
    private int _lastNumber;
    private bool _stopping;

    // Why the last attempt to prepare a spare failed; null when it succeeded, so that waiting for the next is worth while.
    private Exception? _failure;

    /// <summary>Takes over the spares that are in the directory, and removes what is of no use as one.</summary>
    public SpareSegments(SegmentLogOptions options, ILogFiles files, ILogger logger)
    {
        _options = options;
        _files = files;
        _logger = logger;
        AdoptExisting();
        _preparing = new Thread(PrepareWhenWanted) { IsBackground = true, Name = "log spare segments" };
        _preparing.Start();
    }

    public int Ready
    {
        get
        {
            lock (_changed)
            {
                return _ready.Count;
            }
        }
    }

    /// <summary>Whether <see cref="Take"/> has a spare to give, or would wait for one that is being prepared.</summary>
    public bool CanTake
    {
        get
        {
            lock (_changed)
            {
                return _ready.Count > 0 || (_failure is null && !_stopping);
            }
        }
    }

    /// <summary>Waits for a spare that is being prepared, but not for a disk that is full.</summary>
    /// <exception cref="LogFullException">The last attempt to prepare one has failed.</exception>
    public SpareSegment Take()
    {
        lock (_changed)
        {
            while (_ready.Count == 0 && _failure is null && !_stopping)
            {
                Monitor.Wait(_changed);
            }

            if (!_ready.TryDequeue(out var spare))
            {
                throw new LogFullException(_options.Directory, _failure);
            }

            Monitor.PulseAll(_changed);
            return spare;
        }
    }

    /// <summary>Takes back a spare that was not needed.</summary>
    public void Return(SpareSegment spare) => Add(spare);

    /// <summary>Makes a segment that is no longer needed a spare, or deletes it when there are enough.</summary>
    /// <returns>Whether the segment is gone; when it could be neither renamed nor deleted, it stays and nothing is lost.</returns>
    /// <exception cref="IOException">The directory could not be flushed.</exception>
    public bool Recycle(SegmentFile segment)
    {
        SpareSegment? spare = null;
        try
        {
            if (segment.Bytes == _options.SegmentBytes && NumberIfKept() is { } number)
            {
                var path = SegmentFile.SparePath(_options.Directory, number, SegmentFile.SpareExtension);
                spare = new SpareSegment(_files.Open(segment.Path), path);
                _files.Rename(segment.Path, path);
            }
            else
            {
                _files.Delete(segment.Path);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            spare?.File.Dispose();
            Log.SegmentKept(_logger, segment.Path, e);
            return false;
        }

        // Before the file is given out: were its header rewritten while the directory on disk still has its old name, the log
        // would be refused after a power cut. One segment at a time, so that none can vanish before an older one.
        _files.SyncDirectory(_options.Directory);
        if (spare is not null)
        {
            Add(spare);
            return true;
        }

        lock (_changed)
        {
            // There may be room on the disk now: try at once.
            Monitor.PulseAll(_changed);
        }

        return true;
    }

    public void Dispose()
    {
        lock (_changed)
        {
            _stopping = true;
            Monitor.PulseAll(_changed);
        }

        _preparing.Join();
        while (_ready.TryDequeue(out var spare))
        {
            spare.File.Dispose();
        }
    }

    private void AdoptExisting()
    {
        foreach (var path in Directory.EnumerateFiles(_options.Directory, "*" + SegmentFile.UnfinishedExtension).ToList())
        {
            _files.Delete(path);
        }

        foreach (var path in Directory.EnumerateFiles(_options.Directory, "*" + SegmentFile.SpareExtension).Order().ToList())
        {
            if (int.TryParse(Path.GetFileNameWithoutExtension(path), out var number))
            {
                _lastNumber = Math.Max(_lastNumber, number);
            }

            var file = _files.Open(path);
            if (file.Length == _options.SegmentBytes && _ready.Count < _options.MaxSpareSegments)
            {
                _ready.Enqueue(new SpareSegment(file, path));
                continue;
            }

            file.Dispose();
            _files.Delete(path);
        }
    }

    private void PrepareWhenWanted()
    {
        while (WaitUntilWanted())
        {
            try
            {
                Add(Prepare());
                RecordSuccess();
            }
            catch (Exception e)
            {
                RecordFailureAndPause(e);
            }
        }
    }

    private bool WaitUntilWanted()
    {
        lock (_changed)
        {
            while (!_stopping && _ready.Count >= _options.SpareSegments)
            {
                Monitor.Wait(_changed);
            }

            return !_stopping;
        }
    }

    private SpareSegment Prepare()
    {
        var number = NextNumber();
        var unfinished = SegmentFile.SparePath(_options.Directory, number, SegmentFile.UnfinishedExtension);
        var path = SegmentFile.SparePath(_options.Directory, number, SegmentFile.SpareExtension);
        ILogFile? file = null;
        try
        {
            file = _files.Create(unfinished, _options.SegmentBytes);
            FillWithZeros(file);
            file.Flush();
            _files.Rename(unfinished, path);
            _files.SyncDirectory(_options.Directory);
            return new SpareSegment(file, path);
        }
        catch
        {
            // Nothing of the log is in this file, so a failed flush of it says nothing about the log. What was written of it would
            // only keep the disk full.
            file?.Dispose();
            DeleteIfPossible(unfinished);
            DeleteIfPossible(path);
            throw;
        }
    }

    // By really writing: a file that is only given its size still needs a change of metadata at each first flush of a block.
    private void FillWithZeros(ILogFile file)
    {
        var zeros = new byte[Math.Min(ZeroBytes, _options.SegmentBytes)];
        for (var offset = 0L; offset < _options.SegmentBytes; offset += zeros.Length)
        {
            ObjectDisposedException.ThrowIf(Volatile.Read(ref _stopping), this);
            file.Write(zeros.AsSpan(0, (int)Math.Min(zeros.Length, _options.SegmentBytes - offset)), offset);
        }
    }

    private void DeleteIfPossible(string path)
    {
        try
        {
            _files.Delete(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Log.SpareLeftBehind(_logger, path, e);
        }
    }

    private int? NumberIfKept()
    {
        lock (_changed)
        {
            return _ready.Count < _options.MaxSpareSegments ? ++_lastNumber : null;
        }
    }

    private int NextNumber()
    {
        lock (_changed)
        {
            return ++_lastNumber;
        }
    }

    private void Add(SpareSegment spare)
    {
        lock (_changed)
        {
            _ready.Enqueue(spare);
            Monitor.PulseAll(_changed);
        }
    }

    private void RecordSuccess()
    {
        lock (_changed)
        {
            if (_failure is not null)
            {
                Log.SpareReadyAgain(_logger, _options.Directory);
            }

            _failure = null;
        }
    }

    private void RecordFailureAndPause(Exception e)
    {
        lock (_changed)
        {
            if (_stopping)
            {
                return;
            }

            if (_failure is null)
            {
                Log.SpareFailed(_logger, _options.Directory, _options.SpareRetryInterval, e);
            }

            _failure = e;
            Monitor.PulseAll(_changed);
            Monitor.Wait(_changed, _options.SpareRetryInterval);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Error, "No spare log segment could be prepared in {Directory}; trying again every {Interval}.")]
        public static partial void SpareFailed(ILogger logger, string directory, TimeSpan interval, Exception exception);

        [LoggerMessage(2, LogLevel.Information, "A spare log segment could be prepared in {Directory} again.")]
        public static partial void SpareReadyAgain(ILogger logger, string directory);

        [LoggerMessage(3, LogLevel.Warning, "The unfinished log segment {Path} could not be deleted; the next start does it.")]
        public static partial void SpareLeftBehind(ILogger logger, string path, Exception exception);

        [LoggerMessage(4, LogLevel.Warning, "The log segment {Path} is no longer needed, but could not be recycled; tried again later.")]
        public static partial void SegmentKept(ILogger logger, string path, Exception exception);
    }
}
