using Google.Protobuf;
using Granary.Log.Commits;
using Granary.Mvcc.Errors;
using Granary.Mvcc.Evaluation;

namespace Granary.Grains.KeyRanges;

/// <summary>What a write has to pass on the leader's silo before it is decided, wherever it came from.</summary>
internal static class WriteAdmission
{
    /// <exception cref="EtcdException">This process does not lead for certain, or its disk has no room for what takes space.</exception>
    public static async ValueTask Admit(this ICommitLog log, IMessage request, CancellationToken cancellationToken)
    {
        // What comes to nothing says something about now as well.
        await log.Prove(cancellationToken);

        // The disk may be full before the quota is reached, by others' files as well. Deletions and compactions go on.
        EtcdException.ThrowIf(log.Shortage is not null && AlarmRules.TakesSpace(request) ? EtcdError.NoSpace : null);
    }
}
