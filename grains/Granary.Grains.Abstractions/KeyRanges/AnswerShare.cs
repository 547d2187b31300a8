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
    public AnswerShare(AnswerBudget budget) => _budget = budget;

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

    /// <summary>Says how many bytes the answer has by now.</summary>
    /// <exception cref="OperationCanceledException">Nobody wants the answer any more.</exception>
    public void GrowTo(long bytes) => _budget.Grow(this, bytes);

    /// <summary>Says that the answer has been read: another may be.</summary>
    public void EndReading() => _budget.EndReading(this);

    public void Dispose() => _budget.GiveBack(this);
}
