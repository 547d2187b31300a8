using CsCheck;
using Granary.Model;
using Granary.Mvcc.Evaluation;

namespace Granary.Mvcc.Tests;

public sealed class RangeEvaluationTests
{
    [Fact]
    public void Random_ranges_answer_as_the_model_does_in_steps_of_any_length() =>
        Gen.Select(RandomRequests.Write.Array[0, 20], RandomRequests.Range.Array[1, 10], Gen.Long[-1, 8], Gen.Int[1, 4])
        .Sample((writes, ranges, compaction, step) =>
        {
            var model = new ModelStore();
            foreach (var write in writes)
            {
                Outcome.Of(() => model.Write(write));
            }

            if (compaction > model.CompactedRevision && compaction <= model.Revision)
            {
                model.Compact(compaction);
            }

            foreach (var range in ranges)
            {
                var answer = Outcome.Of(() =>
                {
                    using var evaluation = new RangeEvaluation(range, new ModelView(model));
                    while (!evaluation.Step(step))
                    {
                    }

                    return evaluation.Response();
                });
                Assert.Equal(Outcome.Of(() => model.Range(range)), answer);
            }
        }, iter: 3000);
}
