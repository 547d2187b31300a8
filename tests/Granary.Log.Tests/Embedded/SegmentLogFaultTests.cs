using Granary.Log.Engines;

namespace Granary.Log.Tests.Embedded;

public sealed class SegmentLogFaultTests : IDisposable
{
    private readonly LogDirectory _directory = new();
    private volatile bool _failing;

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData(nameof(FileCall.Create))]
    [InlineData(nameof(FileCall.Write))]
    [InlineData(nameof(FileCall.Flush))]
    [InlineData(nameof(FileCall.Rename))]
    public void A_full_disk_refuses_new_records_only_and_the_log_goes_on_by_itself(string call)
    {
        using (var log = OpenedLog.Open(_directory, files: FailingIn(call, ".unfinished")))
        {
            WaitFor(() => log.Log.ReadySpares == 1);
            log.Stage(Payload.Of(3000, 1));
            _failing = true;
            log.Stage(Payload.Of(3000, 2));

            Assert.Throws<LogFullException>(() => log.Log.BeginRecord(3000));
            Assert.False(log.Log.HasRoomFor(3000));
            Assert.Equal(3, log.Stage(Payload.Of(500, 3)));
            log.Log.Flush();
            Assert.Equal(3, log.Log.LastIndex);

            _failing = false;
            WaitFor(() => log.Log.HasRoomFor(3000));
            Assert.Equal(4, log.Append(Payload.Of(3000, 4)));
        }

        Assert.Empty(_directory.Named("*.unfinished"));
        using var again = OpenedLog.Open(_directory);
        Assert.Equal([Payload.Of(3000, 1), Payload.Of(3000, 2), Payload.Of(500, 3), Payload.Of(3000, 4)], again.Replayed);
    }

    [Fact]
    public void Recycling_makes_room_on_a_full_disk()
    {
        using var log = OpenedLog.Open(_directory, files: FailingIn(nameof(FileCall.Create), ".unfinished"));
        WaitFor(() => log.Log.ReadySpares == 1);
        _failing = true;
        log.Append(Payload.Of(3000, 1));
        log.Append(Payload.Of(3000, 2));
        Assert.Throws<LogFullException>(() => log.Log.BeginRecord(3000));

        log.Log.Recycle(1);

        Assert.Equal(3, log.Append(Payload.Of(3000, 3)));
    }

    [Fact]
    public void No_room_for_the_first_segment_is_told_at_the_start()
    {
        _failing = true;

        Assert.Throws<LogFullException>(() => OpenedLog.Open(_directory, files: FailingIn(nameof(FileCall.Create), "")));

        _failing = false;
        OpenedLog.Open(_directory).Dispose();
    }

    [Theory]
    [InlineData(nameof(FileCall.Write))]
    [InlineData(nameof(FileCall.Flush))]
    public void A_failed_write_or_flush_is_final(string call)
    {
        using (var log = OpenedLog.Open(_directory, files: FailingIn(call, ".segment", ".spare", ".unfinished")))
        {
            WaitFor(() => log.Log.ReadySpares == 1);
            log.Append(1);
            log.Stage(2);
            _failing = true;
            var failure = Assert.Throws<LogFailedException>(log.Log.Flush);
            Assert.Equal(FaultyFiles.Cause, failure.InnerException?.Message);
            _failing = false;

            Assert.Throws<LogFailedException>(log.Log.Flush);
            Assert.Throws<LogFailedException>(() => log.Log.BeginRecord(1));
            Assert.Throws<LogFailedException>(() => log.Log.Recycle(0));
            Assert.Throws<LogFailedException>(log.Log.Close);
            Assert.False(log.Log.HasRoomFor(1));
            Assert.Equal(1, log.Log.LastIndex);
        }

        using var again = OpenedLog.Open(_directory);
        Assert.Equal([1], again.Replayed[0]);
        Assert.InRange(again.Replayed.Count, 1, 2);
    }

    [Theory]
    [InlineData(nameof(FileCall.Rename))]
    [InlineData(nameof(FileCall.SyncDirectory))]
    public void A_failure_between_two_segments_keeps_what_the_first_took(string call)
    {
        using (var log = OpenedLog.Open(_directory, files: FailingIn(call, "")))
        {
            WaitFor(() => log.Log.ReadySpares == 1);
            log.Stage(Payload.Of(3000, 1));
            log.Stage(Payload.Of(3000, 2));
            _failing = true;
            Assert.Throws<LogFailedException>(log.Log.Flush);
            Assert.Equal(1, log.Log.LastIndex);
        }

        using var again = OpenedLog.Open(_directory);
        Assert.Equal([Payload.Of(3000, 1)], again.Replayed);
        Assert.Equal(2, again.Append(Payload.Of(3000, 3)));
    }

    [Fact]
    public void A_segment_that_cannot_be_recycled_stays_and_goes_later()
    {
        var renameOrDelete = new FaultyFiles((call, path) => _failing
            && (call is FileCall.Rename or FileCall.Delete)
            && path.EndsWith(".segment", StringComparison.Ordinal));
        using var log = OpenedLog.Open(_directory, files: renameOrDelete);
        for (var i = 1; i <= 6; i++)
        {
            log.Append(Payload.Of(3000, i));
        }

        _failing = true;
        log.Log.Recycle(5);
        Assert.Equal(1, log.Log.FirstIndex);

        _failing = false;
        log.Log.Recycle(5);
        Assert.Equal(6, log.Log.FirstIndex);
    }

    [Fact]
    public void A_directory_that_cannot_be_flushed_after_recycling_ends_the_log()
    {
        using var log = OpenedLog.Open(_directory, files: FailingIn(nameof(FileCall.SyncDirectory), ""));
        log.Append(Payload.Of(3000, 1));
        log.Append(Payload.Of(3000, 2));
        WaitFor(() => log.Log.ReadySpares == 1);
        _failing = true;

        Assert.Throws<LogFailedException>(() => log.Log.Recycle(1));
        Assert.Throws<LogFailedException>(() => log.Log.BeginRecord(1));
    }

    [Fact]
    public void The_last_group_is_flushed_once_more_before_it_is_replayed()
    {
        using (var log = OpenedLog.Open(_directory))
        {
            log.Append(1);
        }

        _failing = true;
        Assert.Throws<LogFailedException>(() => OpenedLog.Open(_directory, files: FailingIn(nameof(FileCall.Flush), ".segment")));

        using var again = OpenedLog.Open(_directory);
        Assert.Equal([[1]], again.Replayed);
    }

    private static void WaitFor(Func<bool> condition) => Assert.True(SpinWait.SpinUntil(condition, TimeSpan.FromSeconds(30)));

    private FaultyFiles FailingIn(string call, params string[] endings) => new(
        (asked, path) => _failing
            && asked.ToString() == call
            && endings.Any(ending => path.EndsWith(ending, StringComparison.Ordinal)));
}
