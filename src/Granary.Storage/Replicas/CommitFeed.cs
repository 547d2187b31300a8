namespace Granary.Storage.Replicas;

/// <summary>
/// Keeps the newest applied commits in memory, bounded by their bytes, for those who follow the replica. One thread publishes;
/// any number read, each at its own place.
/// </summary>
/// <param name="revision">The revision before the first commit that is published.</param>
/// <param name="maxBytes">What is kept at most; the newest commit always is.</param>
public sealed class CommitFeed(long revision, int maxBytes)
{
    private readonly Lock _gate = new();
    private readonly List<Waiter> _waiters = [];

    // Used by the publishing thread alone.
    private readonly List<Waiter> _ready = [];

    // The commits from _first to _last, each at its revision modulo the length, a power of two.
    private AppliedCommit?[] _ring = new AppliedCommit?[64];
    private long _first = revision + 1;
    private long _last = revision;
    private long _bytes;

    /// <summary>The newest revision published.</summary>
    public long LastRevision
    {
        get
        {
            lock (_gate)
            {
                return _last;
            }
        }
    }

    /// <summary>
    /// Reads commits from a revision on, as many as are there and at most <paramref name="max"/>; none when it is still to come.
    /// Null when the revision is no longer kept: it is to be read from the store.
    /// </summary>
    public IReadOnlyList<AppliedCommit>? Read(long from, int max)
    {
        lock (_gate)
        {
            if (from < _first)
            {
                return null;
            }

            var read = new AppliedCommit[Math.Clamp(_last - from + 1, 0, max)];
            for (var i = 0; i < read.Length; i++)
            {
                read[i] = _ring[Slot(from + i)]!;
            }

            return read;
        }
    }

    /// <summary>
    /// Waits until a commit beyond <paramref name="revision"/> is published. To be awaited where there is a task scheduler, as in a grain: what
    /// is bound to none goes on on the thread that publishes, and holds it up.
    /// </summary>
    public Task WaitBeyond(long revision, CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            if (_last > revision)
            {
                return Task.CompletedTask;
            }

            var waiter = new Waiter(revision);
            _waiters.Add(waiter);
            return waiter.Task.WaitAsync(cancellationToken);
        }
    }

    internal void Publish(List<AppliedCommit> commits)
    {
        lock (_gate)
        {
            foreach (var commit in commits)
            {
                Add(commit);
            }

            for (var i = _waiters.Count - 1; i >= 0; i--)
            {
                if (_waiters[i].Revision < _last)
                {
                    _ready.Add(_waiters[i]);
                    _waiters.RemoveAt(i);
                }
            }
        }

        foreach (var waiter in _ready)
        {
            waiter.TrySetResult();
        }

        _ready.Clear();
    }

    private void Add(AppliedCommit commit)
    {
        if (_last - _first + 1 == _ring.Length)
        {
            var grown = new AppliedCommit?[_ring.Length * 2];
            for (var kept = _first; kept <= _last; kept++)
            {
                grown[kept & (grown.Length - 1)] = _ring[Slot(kept)];
            }

            _ring = grown;
        }

        _last = commit.Revision;
        _ring[Slot(_last)] = commit;
        _bytes += commit.SizeBytes;
        while (_bytes > maxBytes && _first < _last)
        {
            ref var oldest = ref _ring[Slot(_first)];
            _bytes -= oldest!.SizeBytes;
            oldest = null;
            _first++;
        }
    }

    private int Slot(long revision) => (int)(revision & (_ring.Length - 1));

    private sealed class Waiter(long revision) : TaskCompletionSource
    {
        public long Revision => revision;
    }
}
