namespace Granary.Grains.Watches;

/// <summary>
/// The responses of one watch stream that its client has not taken yet, in the order in which it gets them. Bounded in bytes for
/// events: what finds no room is not lost but read again, from history, once there is. Replies always find room: their number is
/// bounded by the client's own requests, which wait for their replies to be taken.
/// </summary>
/// <param name="capacityBytes">Bytes of events that may wait.</param>
/// <param name="requiresLeader">Whether the stream ends when there is no leader.</param>
public sealed class WatchOutlet(int capacityBytes, bool requiresLeader)
{
    // Requests are taken no faster than their replies: a client that does not read is not read from either.
    private const int MaxWaitingBeforeRequests = 1024;

    private readonly Lock _gate = new();
    private readonly Queue<OutgoingResponse> _waiting = new();
    private TaskCompletionSource? _taker;

    // Who waits with the next request until the replies to earlier ones are taken.
    private TaskCompletionSource? _requester;
    private Exception? _failure;
    private long _bytes;

    // Whose fragments are being sent, and the replies that wait until the last of them was: clients put together what comes next to each other.
    private long? _fragmentsOf;
    private readonly Queue<OutgoingResponse> _held = new();

    // Set when events were turned away: whoever makes room tells the hub.
    private bool _turnedAway;

    public bool RequiresLeader => requiresLeader;

    /// <summary>Responses that wait at this moment.</summary>
    public int WaitingCount
    {
        get
        {
            lock (_gate)
            {
                return _waiting.Count;
            }
        }
    }

    /// <summary>
    /// Offers events; false when there is no room for them. An empty outlet takes whatever comes, but from a fragment to the one that is the last
    /// only what is the same watcher's.
    /// </summary>
    public bool TryOffer(in OutgoingResponse events)
    {
        lock (_gate)
        {
            if (!HasRoom(events.Response.WatchId))
            {
                return false;
            }

            Enqueue(events);
            if (events.Response.Fragment)
            {
                _fragmentsOf = events.Response.WatchId;
            }
            else
            {
                EndFragments();
            }

            return true;
        }
    }

    /// <summary>Adds a reply; it comes behind a watcher's last fragment, unless it is what ends that watcher.</summary>
    public void Add(in OutgoingResponse reply)
    {
        lock (_gate)
        {
            if (_fragmentsOf is not { } watchId || (reply.Response.Canceled && reply.Response.WatchId == watchId))
            {
                Enqueue(reply);
            }
            else
            {
                _held.Enqueue(reply);
            }
        }
    }

    /// <summary>The watcher whose fragments are being sent is gone.</summary>
    public void EndFragments()
    {
        lock (_gate)
        {
            _fragmentsOf = null;
            while (_held.TryDequeue(out var reply))
            {
                Enqueue(reply);
            }
        }
    }

    /// <summary>
    /// Whether events of a watcher that are offered now would be taken. If not, <see cref="TryTake"/> will say when they would, or the last
    /// fragment of another one.
    /// </summary>
    public bool HasRoom(long watchId)
    {
        lock (_gate)
        {
            if (_fragmentsOf is { } other && other != watchId)
            {
                return false;
            }

            _turnedAway |= _bytes >= capacityBytes;
            return _bytes < capacityBytes;
        }
    }

    /// <summary>Ends the stream with an error, at once.</summary>
    public void Fail(Exception failure)
    {
        lock (_gate)
        {
            _failure ??= failure;
            _taker?.TrySetResult();
            _taker = null;
        }
    }

    /// <summary>Takes the next response, if there is one.</summary>
    /// <param name="response">The response.</param>
    /// <param name="hasMore">Whether another one waits behind it.</param>
    /// <param name="roomAgain">Whether the hub is to be told that there is room for what was turned away.</param>
    /// <exception cref="Exception">What <see cref="Fail"/> was given.</exception>
    public bool TryTake(out OutgoingResponse response, out bool hasMore, out bool roomAgain)
    {
        lock (_gate)
        {
            if (_failure is not null)
            {
                throw _failure;
            }

            if (!_waiting.TryDequeue(out response))
            {
                hasMore = roomAgain = false;
                return false;
            }

            _bytes -= response.SizeBytes;
            if (_waiting.Count + _held.Count < MaxWaitingBeforeRequests)
            {
                _requester?.TrySetResult();
                _requester = null;
            }

            hasMore = _waiting.Count > 0;
            roomAgain = _turnedAway && _bytes <= capacityBytes / 2;
            _turnedAway &= !roomAgain;
            return true;
        }
    }

    /// <summary>Waits until there is something to take.</summary>
    public Task WaitToTake(CancellationToken cancellationToken)
    {
        Task ready;
        lock (_gate)
        {
            if (_waiting.Count > 0 || _failure is not null)
            {
                return Task.CompletedTask;
            }

            _taker ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            ready = _taker.Task;
        }

        return ready.WaitAsync(cancellationToken);
    }

    /// <summary>Waits until the client has taken enough that its next request may be answered.</summary>
    public Task WaitToRequest(CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            if (_waiting.Count + _held.Count < MaxWaitingBeforeRequests)
            {
                return Task.CompletedTask;
            }

            _requester = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return _requester.Task.WaitAsync(cancellationToken);
        }
    }

    private void Enqueue(in OutgoingResponse response)
    {
        _bytes += response.SizeBytes;
        _waiting.Enqueue(response);
        _taker?.TrySetResult();
        _taker = null;
    }
}
