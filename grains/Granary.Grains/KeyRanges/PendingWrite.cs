using System.Diagnostics;
using Google.Protobuf;
using Granary.Mvcc.Evaluation;
using Granary.Protos;

namespace Granary.Grains.KeyRanges;

/// <summary>One write that waits for its batch, and then for the answer.</summary>
internal sealed class PendingWrite(IMessage request, int sizeBytes, ActivityContext caller, CancellationToken cancellationToken)
{
    private readonly TaskCompletionSource<IMessage> _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private IMessage? _answer;
    private Exception? _error;

    public int SizeBytes => sizeBytes;

    public ActivityContext Caller => caller;

    public Task<IMessage> Completion => _completion.Task;

    public bool IsCancelled => cancellationToken.IsCancellationRequested;

    /// <summary>Decides the request; what comes out is kept until the batch is committed.</summary>
    public void Decide(BatchEvaluation evaluation)
    {
        (_answer, _error) = (null, null);
        using var span = Tracing.GrainTrace.StartWork("evaluate", caller);
        try
        {
            _answer = request switch
            {
                PutRequest put => evaluation.Put(put),
                TxnRequest txn => evaluation.Txn(txn, cancellationToken),
                DeleteRangeRequest delete => evaluation.DeleteRange(delete, cancellationToken),
                _ => throw new InvalidOperationException($"{request.Descriptor.Name} is no write."),
            };
        }
        catch (Exception exception)
        {
            _error = exception;
        }
    }

    /// <summary>Gives the caller what was decided.</summary>
    public void Answer()
    {
        if (_answer is not null)
        {
            _completion.TrySetResult(_answer);
        }
        else if (_error is OperationCanceledException)
        {
            Cancel();
        }
        else
        {
            _completion.TrySetException(_error!);
        }
    }

    public void Fail(Exception exception) => _completion.TrySetException(exception);

    public void Cancel() => _completion.TrySetCanceled(cancellationToken);
}
