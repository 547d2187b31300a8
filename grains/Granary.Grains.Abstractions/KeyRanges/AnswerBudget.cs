using Granary.Mvcc.Errors;

namespace Granary.Grains.KeyRanges;

/// <summary>
/// How much memory the large answers of a silo take together, from when they are read until they are with their clients. One that finds
/// no room waits, within its caller's deadline, before it is read; what is small is answered without being asked for here.
/// </summary>
/// <param name="maxBytes">Where there is so much or more, no further answer is begun. Those that have begun are finished.</param>
/// <param name="maxReading">So many are read at a time at most: how large they are is only known when they have been.</param>
/// <param name="maxWaiting">One more than so many is turned away.</param>
public sealed class AnswerBudget(long maxBytes, int maxReading, int maxWaiting = 1000)
{
    /// <summary>An answer of no more bytes than this is small.</summary>
    public const long SmallBytes = 1 << 20;

    private readonly Lock _gate = new();
    private readonly LinkedList<(AnswerShare Share, TaskCompletionSource Admitted)> _waiting = [];
    private long _bytes;
    private int _reading;
    private long _largeCount;
    private long _garbage;

    /// <summary>Bytes that large answers take at this moment.</summary>
    public long Bytes => Interlocked.Read(ref _bytes);

    /// <summary>How many large answers there have been.</summary>
    public long LargeCount => Interlocked.Read(ref _largeCount);

    /// <summary>Answers that wait for room at this moment.</summary>
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

    private bool HasRoom => _bytes < maxBytes && _reading < maxReading;

    internal bool TryAdmit(AnswerShare share)
    {
        lock (_gate)
        {
            // One that nobody wants any more is told so when it says how large it is.
            if (share.Bytes == 0 && !share.IsDisposed)
            {
                if (_waiting.Count > 0 || !HasRoom)
                {
                    return false;
                }

                Admit(share);
            }

            return true;
        }
    }

    internal async Task WaitForAdmission(AnswerShare share, CancellationToken cancellationToken)
    {
        LinkedListNode<(AnswerShare, TaskCompletionSource Admitted)> place;
        lock (_gate)
        {
            if (TryAdmit(share))
            {
                return;
            }

            if (_waiting.Count >= maxWaiting)
            {
                throw new EtcdException(EtcdError.TooManyRequests);
            }

            place = _waiting.AddLast((share, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)));
        }

        using var leaving = cancellationToken.UnsafeRegister(_ => Leave(place, cancellationToken), null);
        await place.Value.Admitted.Task;
    }

    internal void Grow(AnswerShare share, long bytes)
    {
        lock (_gate)
        {
            if (share.IsDisposed)
            {
                throw new OperationCanceledException();
            }

            if (share.Bytes > 0 && bytes > share.Bytes)
            {
                _bytes += share.Copies * (bytes - share.Bytes);
                share.Bytes = bytes;
            }
        }
    }

    internal void EndReading(AnswerShare share)
    {
        lock (_gate)
        {
            if (share.IsReading)
            {
                share.IsReading = false;
                _reading--;
                AdmitWaiting();
            }
        }
    }

    internal void GiveBack(AnswerShare share)
    {
        lock (_gate)
        {
            share.IsDisposed = true;
            Collect(share.Copies * share.Bytes);
            _bytes -= share.Copies * share.Bytes;
            share.Bytes = 0;
            EndReading(share);
            AdmitWaiting();
        }
    }

    /// <summary>What is done is garbage, and the collector, which goes by what the machine has, would let it gather.</summary>
    private void Collect(long bytes)
    {
        _garbage += bytes;
        if (_garbage >= maxBytes / 2)
        {
            _garbage = 0;
            GC.Collect(GC.MaxGeneration, GCCollectionMode.Forced, blocking: false);
        }
    }

    private void AdmitWaiting()
    {
        while (HasRoom && _waiting.First is { } first)
        {
            _waiting.RemoveFirst();
            Admit(first.Value.Share);
            first.Value.Admitted.SetResult();
        }
    }

    private void Admit(AnswerShare share)
    {
        _reading++;
        _largeCount++;
        _bytes += share.Copies * SmallBytes;
        (share.Bytes, share.IsReading) = (SmallBytes, true);
    }

    private void Leave(LinkedListNode<(AnswerShare, TaskCompletionSource Admitted)> place, CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            if (place.List is null)
            {
                return;
            }

            _waiting.Remove(place);
        }

        place.Value.Admitted.SetCanceled(cancellationToken);
    }
}
