using Orleans.Runtime;
using Orleans.Streams;

namespace Granary.Streams;

/// <summary>Consecutive commits on their way to one consumer. Its token is the last revision: whoever resumes there has them all.</summary>
[GenerateSerializer, Immutable, Alias("Granary.CommitContainer")]
internal sealed class CommitContainer(StreamId streamId, long revision, Commit[] commits) : IBatchContainer
{
    [Id(0)]
    private readonly Commit[] _commits = commits;

    [Id(1)]
    private readonly long _revision = revision;

    [Id(2)]
    public StreamId StreamId { get; } = streamId;

    public StreamSequenceToken SequenceToken => new RevisionToken(_revision);

    public IEnumerable<Tuple<T, StreamSequenceToken>> GetEvents<T>()
    {
        foreach (var commit in _commits)
        {
            if (commit is T item)
            {
                yield return Tuple.Create<T, StreamSequenceToken>(item, new RevisionToken(commit.Revision));
            }
        }
    }

    // The trace context of each commit travels in the commit: a container has many.
    public bool ImportRequestContext() => false;
}
