using Granary.Mvcc.Errors;

namespace Granary.Grains.KeyRanges;

/// <summary>
/// What the answer to one call has of an <see cref="AnswerBudget"/>: nothing while it is small. The caller makes it, gives it to the
/// reading grain of its own silo, and disposes it when the answer is with the client, or when nobody wants it any more.
/// </summary>
[GenerateSerializer, Immutable, Alias("Granary.AnswerShare")]
public sealed class AnswerShare : IDisposable
{
    [NonSerialized]
    private readonly AnswerBudget _budget;
    [NonSerialized]
    private readonly Lock _gate = new();

    // It goes by reference, to a grain of this silo, and never over the wire; but Orleans wants to know what it would write.
    [Id(0)]
    private long _bytes;

    [NonSerialized]
    private bool _isReading;
    [NonSerialized]
    private bool _isDisposed;

    /// <param name="budget">Whose share it is.</param>
    public AnswerShare(AnswerBudget budget) => _budget = budget;

    /// <summary>Whether the answer is large and has its place.</summary>
    public bool IsTaken
    {
        get
        {
            lock (_gate)
            {
                return _bytes > 0;
            }
        }
    }

    /// <summary>Takes a place for a large answer if there is one, or has it already; else <see cref="Take"/> waits for one.</summary>
    public bool TryTake() => IsTaken || _budget.TryAdmit(this);

    /// <summary>Waits for the place of a large answer.</summary>
    /// <exception cref="EtcdException">Too many wait already.</exception>
    /// <exception cref="OperationCanceledException">The caller has left.</exception>
    public Task Take(CancellationToken cancellationToken) => _budget.WaitForAdmission(this, cancellationToken);

    /// <summary>Says how many bytes the answer has by now.</summary>
    /// <exception cref="OperationCanceledException">Nobody wants the answer any more.</exception>
    public void GrowTo(long bytes)
    {
        lock (_gate)
        {
            if (_isDisposed)
            {
                throw new OperationCanceledException();
            }

            if (_bytes > 0 && bytes > _bytes)
            {
                _budget.Grow(bytes - _bytes);
                _bytes = bytes;
            }
        }
    }

    /// <summary>Says that the answer has been read: another may be.</summary>
    public void EndReading()
    {
        lock (_gate)
        {
            if (!_isReading)
            {
                return;
            }

            _isReading = false;
        }

        _budget.EndReading();
    }

    public void Dispose()
    {
        EndReading();
        long bytes;
        lock (_gate)
        {
            _isDisposed = true;
            (bytes, _bytes) = (_bytes, 0);
        }

        if (bytes > 0)
        {
            _budget.GiveBack(bytes);
        }
    }

    /// <summary>It has its place now.</summary>
    internal void Begin()
    {
        var isLate = false;
        lock (_gate)
        {
            _bytes = AnswerBudget.SmallBytes;
            _isReading = true;
            isLate = _isDisposed;
        }

        if (isLate)
        {
            // The caller left in this moment.
            Task.Run(Dispose);
        }
    }
}
