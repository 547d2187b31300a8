using Granary.Mvcc.Errors;

namespace Granary.Mvcc.Evaluation;

/// <summary>Which revisions may be compacted to.</summary>
public static class CompactionRules
{
    public static EtcdError? Check(long revision, long compactedRevision, long currentRevision) =>
        revision <= compactedRevision ? EtcdError.Compacted
        : revision > currentRevision ? EtcdError.FutureRevision
        : null;
}
