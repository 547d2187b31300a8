using Granary.Log.Engines.Embedded;

namespace Granary.Log.Tests.Embedded;

/// <summary>Whatever happens to a file, a log gives back what was durable or refuses, and changes nothing when it refuses.</summary>
public sealed class SegmentLogDamageTests : IDisposable
{
    private readonly LogDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Every_flipped_byte_is_harmless_or_refused_with_file_and_offset(bool endedOrderly)
    {
        var log = Recorded.Make(_directory, endedOrderly);
        var outcomes = new Dictionary<string, int>();
        foreach (var (name, bytes) in log.Image.Where(file => file.Key.EndsWith(".segment", StringComparison.Ordinal)))
        {
            foreach (var offset in log.OffsetsOfInterest(name))
            {
                var changed = (byte[])bytes.Clone();
                changed[offset] ^= (byte)(1 << (offset % 8));
                var outcome = log.Open(_directory, name, changed);
                outcomes[outcome.Kind] = outcomes.GetValueOrDefault(outcome.Kind) + 1;
                Assert.True(
                    outcome == Outcome.OfFlipping(log, name, offset),
                    $"{name}, byte {offset}: {outcome}, expected {Outcome.OfFlipping(log, name, offset)}");
            }
        }

        Assert.Equal(!endedOrderly, outcomes.ContainsKey(Outcome.WithoutLastGroup));
        Assert.True(outcomes.GetValueOrDefault(Outcome.Refused) > 1000);
        Assert.True(outcomes.GetValueOrDefault(Outcome.Whole) > 100);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Every_truncation_is_refused_with_file_and_offset(bool endedOrderly)
    {
        var log = Recorded.Make(_directory, endedOrderly);
        foreach (var (name, bytes) in log.Image.Where(file => file.Key.EndsWith(".segment", StringComparison.Ordinal)))
        {
            for (var length = 0; length < bytes.Length; length++)
            {
                var outcome = log.Open(_directory, name, bytes[..length]);
                Assert.Equal((Outcome.Refused, name, length), (outcome.Kind, outcome.File, outcome.Offset));
            }
        }
    }

    [Fact]
    public void Every_lost_segment_is_noticed_when_a_later_record_is_known()
    {
        var log = Recorded.Make(_directory, endedOrderly: true);
        foreach (var name in log.Image.Keys.Where(name => name.EndsWith(".segment", StringComparison.Ordinal)))
        {
            _directory.Write(log.Image.Where(file => file.Key != name).ToDictionary());
            var first = name == log.Image.Keys.First(key => key.EndsWith(".segment", StringComparison.Ordinal));
            var after = first ? log.After : log.After + log.Records.Count;
            Assert.Throws<LogDamagedException>(() => OpenedLog.Open(_directory, after));
        }
    }

    [Fact]
    public void A_flipped_byte_in_the_middle_is_refused_with_file_and_offset()
    {
        using (var log = OpenedLog.Open(_directory))
        {
            log.Append(Payload.Of(100, 1));
            log.Append(Payload.Of(100, 2));
        }

        var path = _directory.Segments[0];
        var bytes = File.ReadAllBytes(path);
        bytes[SegmentHeader.Bytes + 50] ^= 1;
        File.WriteAllBytes(path, bytes);

        var refusal = Assert.Throws<LogDamagedException>(() => OpenedLog.Open(_directory));

        Assert.Equal((path, SegmentHeader.Bytes), (refusal.File, refusal.Offset));
        Assert.Contains($"{path} at offset {SegmentHeader.Bytes}", refusal.Message, StringComparison.Ordinal);
        Assert.Equal(bytes, File.ReadAllBytes(path));
    }

    [Fact]
    public void A_segment_of_another_log_is_refused()
    {
        using var other = new LogDirectory();
        foreach (var directory in new[] { _directory, other })
        {
            using var log = OpenedLog.Open(directory);
            log.Append(Payload.Of(3000, 1));
            log.Append(Payload.Of(3000, 2));
        }

        File.Copy(other.Segments[1], _directory.Segments[1], overwrite: true);

        var refusal = Assert.Throws<LogDamagedException>(() => OpenedLog.Open(_directory));
        Assert.Equal(_directory.Segments[1], refusal.File);
        Assert.Contains("belongs to log", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_log_that_ends_before_the_state_is_refused()
    {
        using (var log = OpenedLog.Open(_directory))
        {
            log.Append(1);
        }

        var refusal = Assert.Throws<LogDamagedException>(() => OpenedLog.Open(_directory, after: 2));
        Assert.Equal(_directory.Segments[0], refusal.File);
    }

    [Fact]
    public void A_log_that_begins_after_the_state_is_refused()
    {
        using (var log = OpenedLog.Open(_directory))
        {
            log.Append(Payload.Of(3000, 1));
            log.Append(Payload.Of(3000, 2));
            log.Log.Recycle(1);
        }

        var refusal = Assert.Throws<LogDamagedException>(() => OpenedLog.Open(_directory, after: 0));
        Assert.Equal(_directory.Segments[0], refusal.File);
    }

    [Fact]
    public void A_damaged_mark_of_an_orderly_end_before_the_last_group_is_refused()
    {
        OpenedLog.Open(_directory).Log.Close();
        using (var log = OpenedLog.Open(_directory))
        {
            log.Append(1);
        }

        var path = _directory.Segments[0];
        var bytes = File.ReadAllBytes(path);
        bytes[SegmentHeader.Bytes + 1] ^= 1;
        File.WriteAllBytes(path, bytes);

        Assert.Throws<LogDamagedException>(() => OpenedLog.Open(_directory));
    }

    [Fact]
    public void A_file_that_is_not_the_logs_is_left_alone_and_a_misnamed_segment_is_refused()
    {
        OpenedLog.Open(_directory).Dispose();
        var note = Path.Combine(_directory.Path, "note.txt");
        File.WriteAllText(note, "mine");
        OpenedLog.Open(_directory).Dispose();
        Assert.True(File.Exists(note));

        File.Move(_directory.Segments[0], Path.Combine(_directory.Path, "1.segment"));
        Assert.Throws<LogDamagedException>(() => OpenedLog.Open(_directory));
    }
}
