using Granary.Storage.Replicas;
using Orleans.Runtime;
using Orleans.Streams;

namespace Granary.Streams;

/// <summary>
/// The agent's cache as a view over the replica: it holds nothing itself, each cursor reads at its own revision. What is compacted
/// is missed, everything else is there.
/// </summary>
internal sealed class CommitCache(Replica replica) : IQueueAdapterCache, IQueueCache
{
    private readonly Replica _replica = replica;
    private int _cursors;

    /// <summary>Whether anyone follows: if not, nothing needs to be read.</summary>
    public bool IsFollowed => Volatile.Read(ref _cursors) > 0;

    public IQueueCache CreateQueueCache(QueueId queueId) => this;

    public int GetMaxAddCount() => 1;

    public void AddToCache(IList<IBatchContainer> messages)
    {
        // The replica has them.
    }

    public bool TryPurgeFromCache(out IList<IBatchContainer> purgedItems)
    {
        purgedItems = [];
        return false;
    }

    public bool IsUnderPressure() => false;

    /// <exception cref="QueueCacheMissException">The revision is compacted.</exception>
    public IQueueCacheCursor GetCacheCursor(StreamId streamId, StreamSequenceToken? token)
    {
        var state = _replica.State;
        if (token is not null && token.SequenceNumber < state.CompactedRevision)
        {
            throw new QueueCacheMissException(token, new RevisionToken(state.CompactedRevision), new RevisionToken(state.Revision));
        }

        return new Cursor(this, streamId, token?.SequenceNumber ?? state.Revision + 1, startsAtToken: token is not null);
    }

    private sealed class Cursor : IQueueCacheCursor
    {
        private readonly CommitCache _cache;
        private readonly StreamId _streamId;
        private long _next;

        // The agent may step over what comes first, as delivered already: that must be the commit of the token and no other.
        private bool _isFirst;
        private CommitContainer? _current;
        private bool _disposed;

        public Cursor(CommitCache cache, StreamId streamId, long next, bool startsAtToken)
        {
            _cache = cache;
            _streamId = streamId;
            _next = next;
            _isFirst = startsAtToken;
            Interlocked.Increment(ref cache._cursors);
        }

        public IBatchContainer? GetCurrent(out Exception? exception)
        {
            exception = null;
            return _current;
        }

        public bool MoveNext()
        {
            var commits = CommitReader.Read(_cache._replica, _next, _isFirst ? 1 : int.MaxValue);
            if (commits is null)
            {
                var state = _cache._replica.State;
                throw new QueueCacheMissException(new RevisionToken(_next), new RevisionToken(state.CompactedRevision), new RevisionToken(state.Revision));
            }

            if (commits.Length == 0)
            {
                _current = null;
                return false;
            }

            if (_isFirst && commits[0].Revision != _next)
            {
                // The revision that a store begins with has none.
                commits = [];
            }

            var last = commits.Length > 0 ? commits[^1].Revision : _next;
            _isFirst = false;
            _next = last + 1;
            _current = new CommitContainer(_streamId, last, commits);
            return true;
        }

        public void Refresh(StreamSequenceToken token)
        {
            // It knows its place.
        }

        public void RecordDeliveryFailure()
        {
            // Consumers see a gap in the revisions and read it from the replica.
        }

        public void Dispose()
        {
            if (!_disposed)
            {
                _disposed = true;
                Interlocked.Decrement(ref _cache._cursors);
            }
        }
    }
}
