using CsCheck;

namespace Granary.Log.Tests.Embedded;

/// <summary>
/// A power cut leaves of the writes since the last flush any subset of their sectors. Whatever that is, the log must start, with all
/// that was acknowledged, in order, and nothing that was not appended.
/// </summary>
public sealed class PowerCutTests
{
    [Fact]
    public void All_that_was_flushed_outlives_one_power_cut_after_the_other() =>
        Gen.Int.Sample(
            seed =>
            {
                var random = new Random(seed);
                using var directory = new LogDirectory();
                var survivors = new List<byte[]>();
                var recycled = 0;
                for (var life = 0; life < 6; life++)
                {
                    (survivors, recycled) = LiveUntilPowerCut(directory, survivors, recycled, random);
                }
            },
            iter: 300,
            threads: 1);

    [Fact]
    public void A_torn_group_is_cut_whichever_of_its_sectors_were_written() =>
        Gen.Select(Gen.Int[1, 2500], Gen.Int[0, 3], Gen.Int).Sample(
            (length, more, seed) =>
            {
                using var directory = new LogDirectory();
                var records = new List<byte[]> { Payload.Of(200, 1), Payload.Of(length, 2) };
                records.AddRange(Enumerable.Range(3, more).Select(i => Payload.Of(200, i)));
                using (var log = OpenedLog.Open(directory))
                {
                    log.Append(records[0]);
                }

                var files = new RecordingFiles(directory);
                int before;
                using (var log = OpenedLog.Open(directory, files: files))
                {
                    // Once the spare is there, nothing but this test changes files.
                    Assert.True(SpinWait.SpinUntil(() => log.Log.ReadySpares >= 1, TimeSpan.FromSeconds(30)));
                    before = files.Count;
                    foreach (var record in records.Skip(1))
                    {
                        log.Stage(record);
                    }

                    log.Log.Flush();
                }

                // Right after the write of the group, before its flush.
                directory.Write(files.AfterPowerCut(before + 1, new Random(seed)));
                using var again = OpenedLog.Open(directory);
                Assert.Equal(again.Replayed.Count == 1 ? [records[0]] : records, again.Replayed);
            },
            iter: 300,
            threads: 1);

    private static (List<byte[]> Survivors, int Recycled) LiveUntilPowerCut(
        LogDirectory directory, List<byte[]> records, int recycled, Random random)
    {
        var files = new RecordingFiles(directory);
        var staged = new List<byte[]>(records);

        // What is known to be durable, and what was given up, after so many changes to the files.
        var known = new List<(int Changes, int Durable, int Recycled)> { (files.Count, records.Count, recycled) };
        using (var log = OpenedLog.Open(directory, recycled, files))
        {
            Assert.Equal(records.Skip(recycled), log.Replayed);
            for (var group = random.Next(12); group > 0; group--)
            {
                for (var record = random.Next(1, 5); record > 0; record--)
                {
                    staged.Add(Payload.Of(random.Next(random.Next(1, 1500)), random.Next()));
                    log.Stage(staged[^1]);
                }

                log.Log.Flush();
                if (random.Next(3) == 0)
                {
                    // The state is durable up to here before the log is told so.
                    recycled = random.Next(recycled, staged.Count + 1);
                    known.Add((files.Count, staged.Count, recycled));
                    log.Log.Recycle(recycled);
                }

                known.Add((files.Count, staged.Count, recycled));
            }

            if (random.Next(4) == 0)
            {
                log.Log.Close();
            }
        }

        var cut = random.Next(known[0].Changes, files.Count + 1);
        var (_, durable, stillNeededAfter) = known.FindLast(moment => moment.Changes <= cut);
        directory.Write(files.AfterPowerCut(cut, random));
        using var again = OpenedLog.Open(directory, stillNeededAfter, FaultyFiles.NeverFlushed);
        var survivors = stillNeededAfter + again.Replayed.Count;
        Assert.InRange(survivors, durable, staged.Count);
        Assert.Equal(staged.Take(survivors).Skip(stillNeededAfter), again.Replayed);
        return (staged[..survivors], stillNeededAfter);
    }
}
