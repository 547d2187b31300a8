using Orleans.Runtime;
using Orleans.Streams;

namespace Granary.Streams;

/// <summary>Consecutive commits on their way to one consumer. Its token is that of the last one: whoever resumes there has them all.</summary>
[GenerateSerializer, Immutable, Alias("Granary.CommitContainer")]
internal sealed class CommitContainer(StreamId streamId, Commit[] commits) : IBatchContainer
{
    [Id(0)]
    private readonly Commit[] _commits = commits;

    [Id(1)]
    public StreamId StreamId { get; } = streamId;

    public StreamSequenceToken SequenceToken => new RevisionToken(_commits[^1].Revision);

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
