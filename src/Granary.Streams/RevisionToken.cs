using Orleans.Streams;

namespace Granary.Streams;

/// <summary>A place in the stream of commits: a revision. To subscribe with one is to be told of that revision and all that follow.</summary>
[GenerateSerializer, Immutable, Alias("Granary.RevisionToken")]
public sealed class RevisionToken : StreamSequenceToken
{
    public RevisionToken(long revision) => SequenceNumber = revision;

    [Id(0)]
    public override long SequenceNumber { get; protected set; }

    // A commit is one item of the stream: nothing is numbered within it.
    public override int EventIndex
    {
        get => 0;
        protected set { }
    }

    public override int CompareTo(StreamSequenceToken? other) => other is null ? 1 : SequenceNumber.CompareTo(other.SequenceNumber);

    public override bool Equals(StreamSequenceToken? other) => other?.SequenceNumber == SequenceNumber;

    public override bool Equals(object? obj) => Equals(obj as StreamSequenceToken);

    public override int GetHashCode() => SequenceNumber.GetHashCode();

    public override string ToString() => $"revision {SequenceNumber}";
}
