using System.Diagnostics;
using Google.Protobuf;
using Granary.Mvcc.Auth;
using Granary.Mvcc.Evaluation;
using Granary.Protos;

namespace Granary.Grains.KeyRanges;

/// <summary>One write that waits for its batch, and then for the answer. Its caller may leave until it is taken into a batch.</summary>
internal sealed class PendingWrite : IDisposable
{
    private const int Queued = 0;
    private const int Taken = 1;
    private const int Left = 2;

    private readonly TaskCompletionSource<IMessage> _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly IMessage _request;
    private readonly Caller _caller;
    private readonly AnswerShare? _share;
    private readonly CancellationToken _cancellationToken;
    private readonly CancellationTokenRegistration _registration;
    private int _state;
    private IMessage? _answer;
    private Exception? _error;

    /// <param name="request">What is to be written.</param>
    /// <param name="caller">On whose behalf.</param>
    /// <param name="sizeBytes">Bytes of the request.</param>
    /// <param name="trace">Of the request.</param>
    /// <param name="cancellationToken">Of the call.</param>
    /// <param name="share">Of an answer that may be large; if it finds no room the write comes to a <see cref="NoRoomException"/>, and to nothing else.</param>
    public PendingWrite(
        IMessage request, Caller caller, int sizeBytes, ActivityContext trace, CancellationToken cancellationToken, AnswerShare? share = null)
    {
        _share = share;
        _request = request;
        _caller = caller ?? throw new ArgumentNullException(nameof(caller), "A write needs to say on whose behalf it is made.");
        SizeBytes = sizeBytes;
        Trace = trace;
        _cancellationToken = cancellationToken;
        _registration = cancellationToken.UnsafeRegister(static state => ((PendingWrite)state!).Leave(), this);
    }

    public IMessage Request => _request;

    public int SizeBytes { get; }

    /// <summary>Whether it was found to be too large for a batch.</summary>
    public bool IsLarge { get; private set; }

    /// <summary>How often it was decided beside the batches, in vain.</summary>
    public int Attempts { get; set; }

    /// <summary>The trace of the request, if it is sampled.</summary>
    public ActivityContext Trace { get; }

    public Task<IMessage> Completion => _completion.Task;

    /// <summary>Takes the write into a batch; false when its caller has left, and then it must not be written.</summary>
    public bool TryTake() => Interlocked.CompareExchange(ref _state, Taken, Queued) == Queued;

    /// <summary>Decides the request; what comes out is kept until the batch is committed. False when it is too large for the batch.</summary>
    public bool TryDecide(BatchEvaluation evaluation)
    {
        (_answer, _error) = (null, null);
        var bytes = 0L;
        evaluation.OnRead = _share is { } share ? more => share.MustGrowTo(bytes += more) : null;
        using var span = Tracing.GrainTrace.StartWork("evaluate", Trace);
        try
        {
            _answer = evaluation.Write(_request, _caller, _cancellationToken);
            _share?.EndReading();
        }
        catch (LargeDeletionException)
        {
            IsLarge = true;
            return false;
        }
        catch (Exception exception)
        {
            _error = exception;
        }

        return true;
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
            _completion.TrySetCanceled(_cancellationToken);
        }
        else
        {
            _completion.TrySetException(_error!);
        }
    }

    public void Fail(Exception exception) => _completion.TrySetException(exception);

    public void Dispose() => _registration.Dispose();

    private void Leave()
    {
        if (Interlocked.CompareExchange(ref _state, Left, Queued) == Queued)
        {
            KeyRangeMetrics.Cancelled.Add(1);
            _completion.TrySetCanceled(_cancellationToken);
        }
    }
}
