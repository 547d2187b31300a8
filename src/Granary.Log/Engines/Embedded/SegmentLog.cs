using System.Buffers;
using Granary.Log.Commits;

namespace Granary.Log.Engines.Embedded;

/// <summary>
/// Owns a log of records in segment files: one writer stages records and makes all of them durable with one flush.
/// <see cref="Recycle"/> and the properties may be used from any thread, all else from one thread at a time.
/// </summary>
public sealed partial class SegmentLog : IRecordLog
{
    private readonly SegmentLogOptions _options;
    private readonly ILogFiles _files;
    private readonly DirectoryLock _directoryLock;
    private readonly SpareSegments _spares;
    private readonly GroupBuffer _buffer = new();
    private readonly uint _seed;

    // Guards the list of segments; the last is the current one.
    private readonly Lock _segmentsLock = new();
    private readonly List<SegmentFile> _segments = [];

    // Held during the file operations of Recycle, so that segments go oldest first.
    private readonly Lock _recycling = new();

    private ILogFile? _current;
    private long _tailOffset;
    private long _lastIndex;
    private long _appendedBytes;

    // The last thing in the log is the mark of an orderly end.
    private bool _endedOrderly;

    // The first write or flush that failed: final, as nobody knows what it left on disk.
    private Exception? _failure;
    private bool _disposed;

    private SegmentLog(SegmentLogOptions options, ILogFiles files, DirectoryLock directoryLock, SpareSegments spares, Guid id)
    {
        _options = options;
        _files = files;
        _directoryLock = directoryLock;
        _spares = spares;
        _seed = GroupHeader.Seed(id);
        Id = id;
    }

    /// <summary>Identity of the log, made at its creation.</summary>
    public Guid Id { get; }

    /// <summary>The last durable record; 0 when there is none.</summary>
    public long LastIndex => Volatile.Read(ref _lastIndex);

    /// <summary>The first record that the log still has, or will have when it is empty.</summary>
    public long FirstIndex
    {
        get
        {
            lock (_segmentsLock)
            {
                return _segments[0].FirstIndex;
            }
        }
    }

    /// <summary>
    /// Bytes of log that a replay would read: what was appended, plus what the log held after <c>after</c> when it was opened. Only
    /// grows; whoever flushes the replica every so many MiB compares it with its value at the start of the last flush.
    /// </summary>
    public long AppendedBytes => Volatile.Read(ref _appendedBytes);

    /// <summary>What the segments, without the spares, take on disk.</summary>
    public long SizeBytes
    {
        get
        {
            lock (_segmentsLock)
            {
                return _segments.Sum(segment => segment.Bytes);
            }
        }
    }

    /// <summary>Empty segments that are ready for use.</summary>
    public int ReadySpares => _spares.Ready;

    public int MaxRecordBytes => _options.MaxRecordBytes;

    /// <summary>Whether <see cref="BeginRecord"/> would find room now: lets a caller refuse a write without an exception.</summary>
    public bool HasRoomFor(int maxBytes)
    {
        RequireRecordSize(maxBytes);
        return _failure is null && !_disposed && (StagedHasRoomFor(maxBytes) || _spares.CanTake);
    }

    /// <summary>
    /// Begins a record, which is written straight into the buffer of the next flush. Waits when the segments are full and the next
    /// one is just being prepared.
    /// </summary>
    /// <param name="maxBytes">What the record takes at most; <see cref="SegmentLogOptions.MaxRecordBytes"/> bounds it.</param>
    /// <returns>Takes the payload, until <see cref="EndRecord"/> or <see cref="CancelRecord"/>.</returns>
    /// <exception cref="LogFullException">There is no room, and none can be made. Nothing was staged.</exception>
    /// <exception cref="LogFailedException">A write or a flush has failed before.</exception>
    public IBufferWriter<byte> BeginRecord(int maxBytes)
    {
        RequireUsable();
        RequireNoOpenRecord();
        RequireRecordSize(maxBytes);
        if (!StagedHasRoomFor(maxBytes))
        {
            _buffer.BeginGroup(_spares.Take(), SegmentLogOptions.RoomInEmptySegment(_options.SegmentBytes));
        }
        else if (_buffer.LastGroup is null)
        {
            _buffer.BeginGroup(null, RoomInCurrent);
        }

        _buffer.BeginRecord(maxBytes);
        return _buffer;
    }

    /// <summary>Completes the record; it is durable after the next <see cref="Flush"/>.</summary>
    /// <returns>The record's index.</returns>
    public long EndRecord()
    {
        RequireUsable();
        RequireOpenRecord();
        _buffer.EndRecord();
        return _lastIndex + _buffer.Records;
    }

    /// <summary>Drops the record that was begun, as if it had not been.</summary>
    public void CancelRecord()
    {
        RequireUsable();
        RequireOpenRecord();
        if (_buffer.CancelRecord() is { } spare)
        {
            _spares.Return(spare);
        }
    }

    /// <summary>Makes all staged records durable: one write and one flush per segment they go into, which is one mostly.</summary>
    /// <exception cref="LogFailedException">
    /// A write or a flush failed, now or before. Records up to <see cref="LastIndex"/> are durable, of the others nobody knows.
    /// </exception>
    public void Flush()
    {
        RequireUsable();
        RequireNoOpenRecord();
        try
        {
            foreach (var group in _buffer.Groups)
            {
                // In this order, each step flushed before the next: a segment that exists proves that all before it was durable.
                if (group.Spare is { } spare)
                {
                    BeginSegment(spare, _lastIndex + 1);
                }

                Append(_buffer.Seal(group, _seed, _lastIndex + 1), group.Records);
            }
        }
        catch (Exception e)
        {
            throw Fail(e);
        }

        _buffer.Clear();
    }

    /// <summary>
    /// Gives up the segments whose records are all needed no longer; they become spares, or are deleted when there are enough.
    /// Thread-safe.
    /// </summary>
    /// <param name="throughIndex">All records up to this one are durable elsewhere.</param>
    /// <exception cref="LogFailedException">The directory could not be flushed, or a write or flush has failed before.</exception>
    public void Recycle(long throughIndex)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(throughIndex, LastIndex);
        lock (_recycling)
        {
            RequireUsable();
            while (OldestIfOnlyUpTo(throughIndex) is { } oldest)
            {
                try
                {
                    if (!_spares.Recycle(oldest))
                    {
                        return;
                    }
                }
                catch (Exception e)
                {
                    throw Fail(e);
                }

                lock (_segmentsLock)
                {
                    _segments.RemoveAt(0);
                }
            }
        }
    }

    /// <summary>
    /// Ends in order: flushes what is staged, then marks the end, so that the next start can tell damage to the last group from a
    /// write that was cut off. Without it, <see cref="Dispose"/> leaves the log as a crash would.
    /// </summary>
    /// <exception cref="LogFailedException">A write or a flush failed, now or before; the end is not marked.</exception>
    public void Close()
    {
        Flush();
        if (!_endedOrderly)
        {
            var mark = new byte[GroupHeader.Bytes];
            GroupHeader.Seal(mark, _seed, _lastIndex + 1, bodyBytes: 0, records: 0);
            try
            {
                Append(mark, records: 0);
                _endedOrderly = true;
            }
            catch (Exception e)
            {
                throw Fail(e);
            }
        }

        Dispose();
    }

    public void Dispose()
    {
        // A recycling that is under way ends first: it uses the spares.
        lock (_recycling)
        {
            if (_disposed)
            {
                return;
            }

            _disposed = true;
        }

        _spares.Dispose();
        foreach (var group in _buffer.Groups)
        {
            group.Spare?.File.Dispose();
        }

        _current?.Dispose();
        _directoryLock.Dispose();
    }

    // Room for the mark of an orderly end is always left.
    private long RoomInCurrent => _segments[^1].Bytes - _tailOffset - GroupHeader.Bytes;

    private bool StagedHasRoomFor(int maxBytes) =>
        _buffer.LastGroup is { } group
            ? group.HasRoomFor(maxBytes)
            : GroupHeader.BytesOfGroup(GroupHeader.RecordBytes(maxBytes)) <= RoomInCurrent;

    private void Append(ReadOnlySpan<byte> group, int records)
    {
        _current!.Write(group, _tailOffset);
        _current.Flush();
        _tailOffset += group.Length;
        _endedOrderly = false;
        Volatile.Write(ref _appendedBytes, _appendedBytes + group.Length);
        Volatile.Write(ref _lastIndex, _lastIndex + records);
    }

    private void BeginSegment(SpareSegment spare, long firstIndex)
    {
        var segment = new SegmentFile(SegmentFile.PathOf(_options.Directory, firstIndex), firstIndex, _options.SegmentBytes);
        var header = new byte[SegmentHeader.Bytes];
        new SegmentHeader(Id, firstIndex, segment.Bytes).Write(header);
        _current?.Dispose();
        _current = spare.File;
        _current.Write(header, 0);
        _current.Flush();

        // Replaces the segment before if that has no records, which had too little room for this one.
        _files.Rename(spare.Path, segment.Path);
        _files.SyncDirectory(_options.Directory);
        _tailOffset = SegmentHeader.Bytes;
        lock (_segmentsLock)
        {
            if (_segments.Count > 0 && _segments[^1].FirstIndex == firstIndex)
            {
                _segments.RemoveAt(_segments.Count - 1);
            }

            _segments.Add(segment);
        }
    }

    private SegmentFile? OldestIfOnlyUpTo(long throughIndex)
    {
        lock (_segmentsLock)
        {
            return _segments.Count > 1 && _segments[1].FirstIndex <= throughIndex + 1 ? _segments[0] : null;
        }
    }

    private LogFailedException Fail(Exception e)
    {
        var first = Interlocked.CompareExchange(ref _failure, e, null) ?? e;
        return new LogFailedException(_options.Directory, first);
    }

    private void RequireUsable()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (Volatile.Read(ref _failure) is { } failure)
        {
            throw new LogFailedException(_options.Directory, failure);
        }
    }

    private void RequireRecordSize(int maxBytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(maxBytes);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(maxBytes, _options.MaxRecordBytes);
    }

    private void RequireOpenRecord()
    {
        if (!_buffer.HasOpenRecord)
        {
            throw new InvalidOperationException("No record was begun.");
        }
    }

    private void RequireNoOpenRecord()
    {
        if (_buffer.HasOpenRecord)
        {
            throw new InvalidOperationException("A record was begun and neither ended nor cancelled.");
        }
    }
}
