using Grpc.Core;

namespace Granary.Client;

/// <summary>A revision was asked for that is compacted: the state of then is gone, and the changes since are not all there.</summary>
/// <param name="compactRevision">The first revision that is still there; 0 where the server does not say.</param>
/// <param name="innerException">What was seen of it.</param>
public sealed class CompactedException(long compactRevision, Exception? innerException = null)
    : GranaryException(Text, StatusCode.OutOfRange, mayHaveHappened: false, innerException)
{
    internal const string Text = "etcdserver: mvcc: required revision has been compacted";

    /// <summary>The first revision that is still there; 0 where the server does not say. Read the state anew, and watch from behind that.</summary>
    public long CompactRevision => compactRevision;
}
