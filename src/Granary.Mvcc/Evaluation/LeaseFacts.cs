namespace Granary.Mvcc.Evaluation;

/// <summary>
/// What a batch knows of leases: facts outside of its own range that its outcomes rest on, and what it does to them itself.
/// The log refuses the batch when one of the facts has changed since.
/// </summary>
public sealed class LeaseFacts
{
    private static readonly IReadOnlySet<long> None = new HashSet<long>();

    private HashSet<long>? _looked;
    private HashSet<long>? _read;
    private HashSet<long>? _touched;

    /// <summary>Leases whose existence decided something.</summary>
    public IReadOnlySet<long> Looked => _looked ?? None;

    /// <summary>Leases whose attached keys decided something.</summary>
    public IReadOnlySet<long> Read => _read ?? None;

    /// <summary>Leases to which the batch attaches keys, or from which it detaches some.</summary>
    public IReadOnlySet<long> Touched => _touched ?? None;

    public bool IsEmpty => _looked is null && _read is null && _touched is null;

    internal void NoteLooked(long lease) => (_looked ??= []).Add(lease);

    internal void NoteRead(long lease) => (_read ??= []).Add(lease);

    internal void NoteTouched(long lease)
    {
        if (lease != 0)
        {
            (_touched ??= []).Add(lease);
        }
    }
}
