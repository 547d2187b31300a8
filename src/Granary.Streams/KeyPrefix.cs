using Google.Protobuf;
using Granary.Mvcc.Keys;

namespace Granary.Streams;

/// <summary>What keys begin with, and which part of a commit is below it.</summary>
internal sealed record KeyPrefix(ByteString Bytes)
{
    /// <summary>The prefix in the form in which Orleans keeps it with a subscription.</summary>
    public string Encoded => Bytes.ToBase64();

    public static KeyPrefix Decode(string encoded) => new(ByteString.FromBase64(encoded));

    /// <summary>Whether a commit changed a key below the prefix, as far as it can be told.</summary>
    public bool IsTouchedBy(Commit commit)
    {
        foreach (var change in commit.Events)
        {
            if (Contains(change.Kv.Key))
            {
                return true;
            }
        }

        return commit.Unlisted?.Any(IsTouchedBy) is true;
    }

    /// <summary>The part of a commit that is below the prefix.</summary>
    public Commit Of(Commit commit) => commit with
    {
        Events = commit.Events.All(change => Contains(change.Kv.Key)) ? commit.Events : [.. commit.Events.Where(change => Contains(change.Kv.Key))],
        Unlisted = commit.Unlisted?.Where(IsTouchedBy).ToArray() is { Length: > 0 } ranges ? ranges : null,
    };

    private bool Contains(ByteString key) => key.Span.StartsWith(Bytes.Span);

    private bool IsTouchedBy(CommitRange range) =>
        Contains(range.Key)
        || (KeyRange.Compare(range.Key, Bytes) < 0 && (new KeyRange(range.Key, range.RangeEnd).ExclusiveEnd() is not { } end || KeyRange.Compare(end, Bytes) > 0));
}
