using System.Buffers;
using Granary.Log.Engines;
using Granary.Log.Engines.Embedded;
using Microsoft.Extensions.Logging.Abstractions;

namespace Granary.Fuzz.Tests;

/// <summary>Segments of the log that were changed, cut, swapped: the log has what was written, up to a torn end, or refuses.</summary>
public sealed class LogFileTests : IDisposable
{
    private const int SegmentBytes = 8192;
    private const int Segments = 3;

    private readonly string _directory = Directory.CreateTempSubdirectory("granary-fuzz-log-").FullName;

    // What was written, and the files that hold it.
    private readonly List<byte[]> _records = [];
    private readonly Dictionary<string, byte[]> _image = [];

    // Where each flush's group begins in the last segment, and the record behind it.
    private readonly List<(int Start, int RecordsBefore)> _lastGroups = [];
    private string _last = "";

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public Task Segments_of_a_log(bool endedOrderly)
    {
        Write(endedOrderly);
        var names = _image.Keys.Order(StringComparer.Ordinal).ToArray();
        return FuzzRun.Try(
            $"segments of a log that {(endedOrderly ? "ended in order" : "was killed")}",
            mutator =>
            {
                var name = mutator.Of(names);
                return new FuzzInput(name, Changed(mutator, _image[name], _image[mutator.Of(names)]));
            },
            input => Open(input, endedOrderly));
    }

    private static byte[] Changed(Mutator mutator, byte[] segment, byte[] other) => mutator.Below(8) switch
    {
        0 => mutator.Mutate(segment),
        1 => mutator.Spliced(segment, other),
        2 => other,
        3 => [.. segment.AsSpan(0, SegmentHeader.Bytes), .. other.AsSpan(SegmentHeader.Bytes)],
        _ => mutator.Mutate(segment, grow: false),
    };

    private void Open(FuzzInput input, bool endedOrderly)
    {
        var wasChanged = !input.Bytes.AsSpan().SequenceEqual(_image[input.To]);
        foreach (var (name, bytes) in _image)
        {
            File.WriteAllBytes(Path.Combine(_directory, name), name == input.To ? input.Bytes : bytes);
        }

        var replayed = new List<byte[]>();
        try
        {
            using var log = Open((_, payload) => replayed.Add(payload.ToArray()));
            Assert.Equal(replayed.Count, log.LastIndex);
        }
        catch (LogDamagedException)
        {
            Assert.True(wasChanged, "a log that is whole is refused");
            Assert.Empty(replayed);
            Assert.Equal(input.Bytes, File.ReadAllBytes(Path.Combine(_directory, input.To)));
            return;
        }

        Assert.True(replayed.Count <= _records.Count, "records that nobody has written");
        Assert.All(replayed.Zip(_records), pair => Assert.Equal(pair.Second, pair.First));
        MustHaveLostNoMoreThanTheEnd(input, replayed.Count, endedOrderly);
    }

    /// <summary>What was flushed is lost only where nothing in the file tells of it any more.</summary>
    private void MustHaveLostNoMoreThanTheEnd(FuzzInput input, int kept, bool endedOrderly)
    {
        if (kept == _records.Count)
        {
            return;
        }

        Assert.Equal(_last, input.To);
        var lost = _lastGroups.FindIndex(group => group.RecordsBefore == kept);
        Assert.True(lost >= 0, $"{kept} records are left: the end of no group");
        var end = endedOrderly ? _lastGroups.Count : _lastGroups.Count - 1;
        for (var later = lost + 1; later < end; later++)
        {
            var header = _image[_last].AsSpan(_lastGroups[later].Start, GroupHeader.Bytes);
            for (var at = _lastGroups[lost].Start; at + GroupHeader.Bytes <= input.Bytes.Length; at += GroupHeader.Alignment)
            {
                Assert.False(
                    input.Bytes.AsSpan(at, GroupHeader.Bytes).SequenceEqual(header), $"{_records.Count - kept} records are lost, though at {at} is a group behind them");
            }
        }
    }

    private void Write(bool endedOrderly)
    {
        var random = new Random(7);
        using (var log = Open((_, _) => { }))
        {
            while (Directory.GetFiles(_directory, "*" + SegmentFile.Extension).Length < Segments || _lastGroups.Count < 5)
            {
                Append(log, random);
            }

            if (endedOrderly)
            {
                log.Close();
            }
        }

        foreach (var path in Directory.GetFiles(_directory, "*" + SegmentFile.Extension))
        {
            _image.Add(Path.GetFileName(path), File.ReadAllBytes(path));
        }

        FindLastGroups();
    }

    private void Append(SegmentLog log, Random random)
    {
        for (var left = 1 + random.Next(3); left > 0; left--)
        {
            var payload = new byte[random.Next(300)];
            random.NextBytes(payload);
            log.BeginRecord(payload.Length).Write(payload);
            log.EndRecord();
            _records.Add(payload);
        }

        log.Flush();
        var segments = Directory.GetFiles(_directory, "*" + SegmentFile.Extension);
        _lastGroups.Add((0, 0));
        if (segments.Length < Segments)
        {
            _lastGroups.Clear();
        }
    }

    private void FindLastGroups()
    {
        _lastGroups.Clear();
        _last = _image.Keys.Max(StringComparer.Ordinal)!;
        var bytes = _image[_last];
        Assert.Null(SegmentHeader.Read(bytes, out var segment));
        var index = segment.FirstIndex;
        var offset = SegmentHeader.Bytes;
        while (GroupHeader.TryRead(bytes.AsSpan(offset), GroupHeader.Seed(segment.LogId), bytes.Length - offset, out var group) && group.FirstIndex == index)
        {
            _lastGroups.Add((offset, (int)index - 1));
            index += group.Records;
            offset += (int)group.GroupBytes;
        }

        Assert.Equal(_records.Count + 1, index);
    }

    private SegmentLog Open(ReplayRecord replay) => SegmentLog.Open(
        new SegmentLogOptions { Directory = _directory, SegmentBytes = SegmentBytes, MaxRecordBytes = 3000 }, 0, replay, NullLogger.Instance, UnflushedFiles.Instance);
}
