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

    /// <param name="budget">Whose share it is.</param>
    /// <param name="copies">How often the answer is in memory while it is on its way: twice where it is sent as it is, as pairs and as a message.</param>
    public AnswerShare(AnswerBudget budget, int copies = 2) => (_budget, Copies) = (budget, copies);

    [NonSerialized]
    internal readonly int Copies;

    // What follows is the budget's, and changed by it alone, under its lock. A share goes by reference, to a grain of this silo, and never
    // over the wire; but Orleans wants to know what it would write.
    [Id(0)]
    internal long Bytes;

    [NonSerialized]
    internal bool IsReading;

    [NonSerialized]
    internal bool IsDisposed;

    /// <summary>Whether the answer is large and has its place.</summary>
    public bool IsTaken => Interlocked.Read(ref Bytes) > 0;

    /// <summary>Takes a place for a large answer if there is one, or has it already; else <see cref="Take"/> waits for one.</summary>
    public bool TryTake() => _budget.TryAdmit(this);

    /// <summary>Waits for the place of a large answer.</summary>
    /// <exception cref="EtcdException">Too many wait already.</exception>
    /// <exception cref="OperationCanceledException">The caller has left.</exception>
    public Task Take(CancellationToken cancellationToken) => _budget.WaitForAdmission(this, cancellationToken);

    /// <summary>
    /// Says how many bytes the answer has by now; false when it is large and there is no room for it. Then nothing of it is to be held while its
    /// caller waits (<see cref="Take"/>): it is read anew.
    /// </summary>
    /// <exception cref="OperationCanceledException">Nobody wants the answer any more.</exception>
    public bool TryGrowTo(long bytes)
    {
        if (bytes > AnswerBudget.SmallBytes && !TryTake())
        {
            return false;
        }

        GrowTo(bytes);
        return true;
    }

    /// <summary>As <see cref="TryGrowTo"/>, for those who are deep in the reading.</summary>
    /// <exception cref="NoRoomException">There is no room.</exception>
    public void MustGrowTo(long bytes)
    {
        if (!TryGrowTo(bytes))
        {
            throw new NoRoomException();
        }
    }

    /// <summary>Says how many bytes the answer has by now.</summary>
    /// <exception cref="OperationCanceledException">Nobody wants the answer any more.</exception>
    public void GrowTo(long bytes) => _budget.Grow(this, bytes);

    /// <summary>Says that the answer has been read: another may be.</summary>
    public void EndReading() => _budget.EndReading(this);

    public void Dispose() => _budget.GiveBack(this);
}
