namespace Granary.Grains.KeyRanges;

/// <summary>Those who want one range to stand still, first come first served. Used by the range's grain alone, on its scheduler.</summary>
/// <param name="latches">Know which have expired.</param>
/// <param name="checkInterval">How often that is looked up.</param>
internal sealed class LatchQueue(LatchTable latches, TimeSpan checkInterval)
{
    // The first is the holder once _isHeld.
    private readonly Queue<Request> _requests = new();
    private bool _isHeld;

    public bool IsEmpty => _requests.Count == 0;

    /// <summary>Returns when the range stands still for a latch.</summary>
    public Task Enter(Guid latch, CancellationToken cancellationToken)
    {
        var request = new Request(latch, cancellationToken);
        _requests.Enqueue(request);
        return request.Granted.Task;
    }

    /// <summary>Has the range go on, if it stands still for that latch.</summary>
    public void Release(Guid latch)
    {
        if (_isHeld && _requests.TryPeek(out var holder) && holder.Id == latch)
        {
            _requests.Dequeue();
            _isHeld = false;
            holder.Released.TrySetResult();
        }
    }

    /// <summary>Grants the range to the first in the queue, and waits until it is released or expires.</summary>
    public async Task HoldStill()
    {
        var holder = _requests.Peek();
        if (holder.CancellationToken.IsCancellationRequested)
        {
            _requests.Dequeue();
            holder.Granted.TrySetCanceled(holder.CancellationToken);
            return;
        }

        _isHeld = true;
        holder.Granted.TrySetResult();
        while (true)
        {
            await Task.WhenAny(holder.Released.Task, Task.Delay(checkInterval));
            if (holder.Released.Task.IsCompleted)
            {
                return;
            }

            if (latches.TryExpire(holder.Id))
            {
                _requests.Dequeue();
                _isHeld = false;
                return;
            }
        }
    }

    /// <summary>Fails those who wait; the holder goes on.</summary>
    public void FailAll(Exception exception)
    {
        var holder = _isHeld ? _requests.Dequeue() : null;
        while (_requests.TryDequeue(out var request))
        {
            request.Granted.TrySetException(exception);
        }

        if (holder is not null)
        {
            _requests.Enqueue(holder);
        }
    }

    private sealed class Request(Guid id, CancellationToken cancellationToken)
    {
        public Guid Id => id;

        public CancellationToken CancellationToken => cancellationToken;

        public TaskCompletionSource Granted { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public TaskCompletionSource Released { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
