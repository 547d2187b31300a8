namespace Granary.Mvcc.Errors;

/// <summary>A request ends with an <see cref="EtcdError"/>; crosses grain boundaries.</summary>
/// <param name="error">What the client is told.</param>
/// <param name="outcomeUnknown">True when the write may have been, or may still be, committed.</param>
public sealed class EtcdException(EtcdError error, bool outcomeUnknown = false) : Exception(error.Text)
{
    public EtcdError Error { get; } = error;

    public bool OutcomeUnknown { get; } = outcomeUnknown;

    /// <summary>Throws the error of a check, if there is one.</summary>
    public static void ThrowIf(EtcdError? error)
    {
        if (error is not null)
        {
            throw new EtcdException(error);
        }
    }
}
