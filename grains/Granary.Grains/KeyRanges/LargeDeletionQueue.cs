using System.Diagnostics.CodeAnalysis;
using Granary.Mvcc.Errors;
using Granary.Mvcc.Evaluation;
using Granary.Storage.Replicas;

namespace Granary.Grains.KeyRanges;

/// <summary>
/// The large deletions of one range: those that wait, those that are being decided beside its batches, and those that are decided and wait for
/// their turn. Used by the range's grain alone, on its scheduler.
/// </summary>
/// <param name="replica">What they are decided on.</param>
/// <param name="listedDeletions">Deletions that are listed one by one; more are one change.</param>
/// <param name="whenDecided">Told when one waits for its turn.</param>
internal sealed class LargeDeletionQueue(Replica replica, int listedDeletions, Action whenDecided)
{
    // Each takes a core.
    private const int MaxDeciding = 2;

    // So many may wait to be decided; one more is turned away.
    private const int MaxUndecided = 64;

    private readonly Queue<PendingWrite> _undecided = new();
    private readonly List<LargeDeletion> _deciding = [];
    private readonly Queue<LargeDeletion> _decided = new();

    // Until the replica has room for another one.
    private Task _room = Task.CompletedTask;

    // From now on nothing begins to wait any more.
    private bool _isStopping;

    /// <summary>Whether one waits for its turn.</summary>
    public bool HasDecided => _decided.Count > 0;

    /// <summary>All decisions that have begun.</summary>
    public Task Decisions { get; private set; } = Task.CompletedTask;

    /// <summary>The next one whose turn it is.</summary>
    public bool TryTake([NotNullWhen(true)] out LargeDeletion? large) => _decided.TryDequeue(out large);

    /// <summary>Has one wait to be decided, or fails it.</summary>
    public void Add(PendingWrite write)
    {
        if (_isStopping)
        {
            write.Fail(new EtcdException(EtcdError.Stopped));
        }
        else if (_undecided.Count < MaxUndecided)
        {
            _undecided.Enqueue(write);
        }
        else
        {
            write.Fail(new EtcdException(EtcdError.TooManyRequests));
        }
    }

    /// <summary>Begins to decide those that wait, as far as there is room.</summary>
    public void Decide()
    {
        if (_undecided.Count == 0 || !_room.IsCompleted)
        {
            return;
        }

        var room = replica.WaitForRoom();
        if (!room.IsCompleted)
        {
            _room = DecideAfter(room);
            return;
        }

        while (_deciding.Count < MaxDeciding && _undecided.TryDequeue(out var write))
        {
            var large = new LargeDeletion(write, replica.View(), listedDeletions);
            _deciding.Add(large);
            Decisions = Task.WhenAll(Decisions, Decide(large));
        }
    }

    /// <summary>Notes what a batch has written.</summary>
    public void Note(BatchEvaluation written)
    {
        if (_deciding.Count + _decided.Count > 0)
        {
            foreach (var large in _deciding.Concat(_decided))
            {
                large.Note(written);
            }
        }
    }

    /// <summary>Notes what others may have written: it is known from the replica alone.</summary>
    public void NoteAll()
    {
        if (_deciding.Count + _decided.Count > 0)
        {
            using var now = replica.View();
            foreach (var large in _deciding.Concat(_decided))
            {
                large.Note(now);
            }
        }
    }

    /// <summary>Fails those that wait; what is being decided goes to its end.</summary>
    public void Stop()
    {
        _isStopping = true;
        while (_undecided.TryDequeue(out var write))
        {
            write.Fail(new EtcdException(EtcdError.Stopped));
        }
    }

    private async Task DecideAfter(Task room)
    {
        await room;
        _room = Task.CompletedTask;
        Decide();
    }

    private async Task Decide(LargeDeletion large)
    {
        // Never at once: it is begun from within the pump, which may not be begun anew from there.
        await large.Decide().ConfigureAwait(ConfigureAwaitOptions.ForceYielding | ConfigureAwaitOptions.ContinueOnCapturedContext);
        _deciding.Remove(large);
        _decided.Enqueue(large);
        Decide();
        whenDecided();
    }
}
