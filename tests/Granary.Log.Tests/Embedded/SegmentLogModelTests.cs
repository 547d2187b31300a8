using CsCheck;

namespace Granary.Log.Tests.Embedded;

public sealed class SegmentLogModelTests
{
    [Fact]
    public void The_log_is_a_list_whose_flushed_part_outlives_every_end() =>
        Gen.Int.Array[1, 60].Sample(
            steps =>
            {
                using var directory = new LogDirectory();
                var model = new Model(directory);
                foreach (var step in steps)
                {
                    model.Do(new Random(step));
                }

                model.End();
            },
            iter: 200,
            threads: 1);

    private sealed class Model(LogDirectory directory)
    {
        private readonly List<byte[]> _durable = [];
        private readonly List<byte[]> _staged = [];
        private OpenedLog _log = OpenedLog.Open(directory, files: FaultyFiles.NeverFlushed);
        private int _recycled;

        public void Do(Random random)
        {
            switch (random.Next(10))
            {
                case 0:
                    Reopen(random, clean: true);
                    break;
                case 1:
                    Reopen(random, clean: false);
                    break;
                case 2:
                    _recycled = random.Next(_recycled, _durable.Count + 1);
                    _log.Log.Recycle(_recycled);
                    break;
                case 3:
                    _log.Log.BeginRecord(random.Next(3000)).GetSpan()[0] = 1;
                    _log.Log.CancelRecord();
                    break;
                case 4 or 5:
                    Flush();
                    break;
                default:
                    Stage(random);
                    break;
            }

            Assert.Equal(_durable.Count, _log.Log.LastIndex);
            Assert.InRange(_log.Log.FirstIndex, 1, Math.Max(_recycled, 0) + 1);
        }

        public void End() => Reopen(new Random(1), clean: true, last: true);

        private void Stage(Random random)
        {
            var payload = Payload.Of(random.Next(random.Next(3000)), random.Next());
            Assert.Equal(_durable.Count + _staged.Count + 1, _log.Stage(payload));
            _staged.Add(payload);
        }

        private void Flush()
        {
            _log.Log.Flush();
            _durable.AddRange(_staged);
            _staged.Clear();
        }

        private void Reopen(Random random, bool clean, bool last = false)
        {
            if (clean)
            {
                _log.Log.Close();
                _durable.AddRange(_staged);
            }

            _log.Dispose();
            _staged.Clear();
            var after = random.Next(_recycled, _durable.Count + 1);
            _log = OpenedLog.Open(directory, after, FaultyFiles.NeverFlushed);
            Assert.Equal(_durable.Skip(after), _log.Replayed);
            if (last)
            {
                _log.Dispose();
            }
        }
    }
}
