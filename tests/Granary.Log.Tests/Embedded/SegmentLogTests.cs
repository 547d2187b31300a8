using System.Buffers;
using Granary.Log.Engines.Embedded;

namespace Granary.Log.Tests.Embedded;

public sealed class SegmentLogTests : IDisposable
{
    private readonly LogDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void Records_come_back_in_order_after_a_clean_end()
    {
        byte[][] records = [Payload.Of(0, 1), Payload.Of(1, 2), Payload.Of(1000, 3)];
        var log = OpenedLog.Open(_directory);
        var id = log.Log.Id;
        foreach (var record in records)
        {
            log.Append(record);
        }

        log.Log.Close();

        using var again = OpenedLog.Open(_directory);
        Assert.Equal(records, again.Replayed);
        Assert.Equal(id, again.Log.Id);
    }

    [Fact]
    public void Records_are_there_when_the_process_died_without_a_close()
    {
        using var abandoned = OpenedLog.Open(_directory);
        abandoned.Append(1);
        abandoned.Append(2);
        abandoned.Stage(3);
        using var left = _directory.Copy();

        using var again = OpenedLog.Open(left);

        Assert.Equal([[1], [2]], again.Replayed);
        Assert.Equal(3, again.Append(4));
    }

    [Fact]
    public void Only_records_after_the_one_that_the_state_holds_are_replayed()
    {
        using (var log = OpenedLog.Open(_directory))
        {
            log.Stage(1);
            log.Stage(2);
            log.Stage(3);
            log.Log.Flush();
        }

        using var again = OpenedLog.Open(_directory, after: 2);

        Assert.Equal([[3]], again.Replayed);
    }

    [Fact]
    public void A_staged_record_is_not_durable_before_the_flush()
    {
        using var log = OpenedLog.Open(_directory);

        Assert.Equal(1, log.Stage(1));
        Assert.Equal(0, log.Log.LastIndex);

        log.Log.Flush();
        Assert.Equal(1, log.Log.LastIndex);
    }

    [Fact]
    public void A_cancelled_record_takes_no_index()
    {
        using (var log = OpenedLog.Open(_directory))
        {
            log.Stage(1);
            log.Log.BeginRecord(100).Write("dropped"u8);
            log.Log.CancelRecord();
            Assert.Equal(2, log.Append(2));
        }

        using var again = OpenedLog.Open(_directory);
        Assert.Equal([[1], [2]], again.Replayed);
    }

    [Fact]
    public void A_cancelled_record_that_needed_the_next_segment_gives_it_back()
    {
        using var log = OpenedLog.Open(_directory);
        log.Stage(Payload.Of(3000, 1));
        log.Log.BeginRecord(3000);
        log.Log.CancelRecord();
        log.Append(Payload.Of(500, 2));

        Assert.Single(_directory.Segments);
        Assert.True(log.Log.ReadySpares >= 1);
    }

    [Fact]
    public void A_record_larger_than_announced_is_refused()
    {
        using var log = OpenedLog.Open(_directory);
        var writer = log.Log.BeginRecord(10);
        writer.GetSpan(11).Clear();

        Assert.Throws<InvalidOperationException>(() => writer.Advance(11));

        log.Log.CancelRecord();
        Assert.Equal(1, log.Append(1));
    }

    [Fact]
    public void A_record_beyond_the_limit_is_refused()
    {
        using var log = OpenedLog.Open(_directory);

        Assert.Throws<ArgumentOutOfRangeException>(() => log.Log.BeginRecord(3001));
    }

    [Fact]
    public void One_flush_can_fill_several_segments()
    {
        var records = Enumerable.Range(0, 4).Select(i => Payload.Of(2500, i)).ToArray();
        using (var log = OpenedLog.Open(OpenedLog.Options(_directory) with { SpareSegments = 3 }))
        {
            foreach (var record in records)
            {
                log.Stage(record);
            }

            log.Log.Flush();
            Assert.Equal(4, _directory.Segments.Count);
        }

        using var again = OpenedLog.Open(_directory);
        Assert.Equal(records, again.Replayed);
    }

    [Fact]
    public void Recycling_keeps_what_is_needed_and_bounds_the_files()
    {
        using (var log = OpenedLog.Open(_directory))
        {
            for (var i = 1; i <= 100; i++)
            {
                log.Append(Payload.Of(1500, i));
                log.Log.Recycle(Math.Max(0, i - 3));
                Assert.InRange(_directory.Segments.Count, 1, 4);
                Assert.InRange(_directory.Spares.Count, 0, OpenedLog.Options(_directory).MaxSpareSegments + 1);
            }

            Assert.InRange(log.Log.FirstIndex, 90, 98);
        }

        using var again = OpenedLog.Open(_directory, after: 97);
        Assert.Equal([Payload.Of(1500, 98), Payload.Of(1500, 99), Payload.Of(1500, 100)], again.Replayed);
    }

    [Fact]
    public void A_record_that_does_not_fit_behind_the_mark_of_an_empty_segment_replaces_it()
    {
        var largest = OpenedLog.Options(_directory) with { MaxRecordBytes = 8192 - 4096 - 24 - 24 - 4 };
        OpenedLog.Open(largest).Log.Close();
        using (var log = OpenedLog.Open(largest))
        {
            log.Append(Payload.Of(largest.MaxRecordBytes, 1));
            Assert.Single(_directory.Segments);
        }

        using var again = OpenedLog.Open(largest);
        Assert.Equal([Payload.Of(largest.MaxRecordBytes, 1)], again.Replayed);
    }

    [Fact]
    public void Segments_of_another_size_are_read_and_not_reused()
    {
        using (var log = OpenedLog.Open(_directory))
        {
            log.Append(1);
        }

        var larger = OpenedLog.Options(_directory) with { SegmentBytes = 16384, MaxRecordBytes = 10000 };
        using (var log = OpenedLog.Open(larger))
        {
            log.Append(Payload.Of(10000, 2));
            log.Log.Recycle(1);
            Assert.Equal(2, log.Log.FirstIndex);
        }

        Assert.All(_directory.Spares, path => Assert.Equal(16384, new FileInfo(path).Length));
        using var again = OpenedLog.Open(larger, after: 1);
        Assert.Equal([Payload.Of(10000, 2)], again.Replayed);
    }

    [Fact]
    public void A_second_opening_of_the_same_directory_is_refused()
    {
        using (OpenedLog.Open(_directory))
        {
            var refusal = Assert.Throws<LogInUseException>(() => OpenedLog.Open(_directory));
            Assert.Contains(_directory.Path, refusal.Message, StringComparison.Ordinal);
        }

        OpenedLog.Open(_directory).Dispose();
    }

    [Fact]
    public void A_refused_log_is_not_left_locked()
    {
        Assert.Throws<LogDamagedException>(() => OpenedLog.Open(_directory, after: 1));

        OpenedLog.Open(_directory).Dispose();
    }

    [Fact]
    public void A_failing_replay_leaves_nothing_locked()
    {
        using (var log = OpenedLog.Open(_directory))
        {
            log.Append(1);
        }

        Assert.Throws<NotSupportedException>(() => SegmentLog.Open(
            OpenedLog.Options(_directory),
            0,
            (_, _) => throw new NotSupportedException(),
            Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance));

        using var again = OpenedLog.Open(_directory);
        Assert.Single(again.Replayed);
    }

    [Fact]
    public void The_bytes_to_replay_grow_with_the_log_and_survive_a_restart()
    {
        long appended;
        using (var log = OpenedLog.Open(_directory))
        {
            log.Append(Payload.Of(100, 1));
            log.Append(Payload.Of(100, 2));
            appended = log.Log.AppendedBytes;
            Assert.InRange(appended, 200, 300);
        }

        using (var all = OpenedLog.Open(_directory))
        {
            Assert.Equal(appended, all.Log.AppendedBytes);
        }

        using var half = OpenedLog.Open(_directory, after: 1);
        Assert.Equal(appended / 2, half.Log.AppendedBytes);
    }
}
