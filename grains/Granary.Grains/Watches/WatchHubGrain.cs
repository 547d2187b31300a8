using Granary.Grains.Placement;
using Granary.Log.Commits;
using Granary.Mvcc.Auth;
using Granary.Mvcc.Errors;
using Granary.Protos;
using Granary.Storage.Replicas;
using Granary.Streams;
using Microsoft.Extensions.Logging;
using Orleans.Concurrency;
using Orleans.GrainDirectory;
using Orleans.Runtime;
using Orleans.Streams;

namespace Granary.Grains.Watches;

/// <summary>Runs this silo's <see cref="WatchHub"/>: feeds it with the stream of commits and with the requests of watch streams, one at a time.</summary>
[Reentrant, KeepAlive, SiloPlacement, GrainDirectory(HomeDirectory.OfSilos), ImplicitStreamSubscription(CommitStream.WatchNamespace)]
internal sealed partial class WatchHubGrain(
    Replica replica, ILeadership leadership, WatchStreams streams, HistoryHold hold, WatchDemand demand, ILocalSiloDetails silo, ILogger<WatchHubGrain> logger)
    : Grain, IWatchHubGrain, IAsyncBatchObserver<Commit>
{
    private static readonly TimeSpan CheckInterval = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan PauseAfterFailedPass = TimeSpan.FromSeconds(1);

    // So often no leader must be found before streams that require one end.
    private const int ChecksWithoutLeader = 3;

    private readonly WatchHub _hub = new(replica.State.Revision);
    private Task _catchUp = Task.CompletedTask;
    private bool _isDeactivated;
    private int _checksWithoutLeader;

    // What the store and the hub had got to at the last check.
    private long _checkedRevision;
    private long _checkedPosition;

    public override async Task OnActivateAsync(CancellationToken cancellationToken)
    {
        var commits = this.GetStreamProvider(CommitStream.WatchProviderName).GetStream<Commit>(CommitStream.WatchesOf(silo.SiloAddress));
        foreach (var subscription in await commits.GetAllSubscriptionHandles())
        {
            // The commit of the token may come or not: it counts as delivered.
            await subscription.ResumeAsync(this, new RevisionToken(_hub.Position));
        }

        demand.Begin();
        NotePosition();
        this.RegisterGrainTimer(Check, CheckInterval, CheckInterval);
    }

    public override async Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken)
    {
        // Their watchers are known nowhere else: clients come again, with the revision they have got to.
        foreach (var outlet in streams.Outlets)
        {
            outlet.Fail(new EtcdException(EtcdError.Stopped));
        }

        _isDeactivated = true;
        await _catchUp;
        hold.Note(null, null, 0);
    }

    public ValueTask Create(long stream, WatchCreateRequest request, Caller caller)
    {
        var state = replica.State;
        if (WatchAccess.Check(state.Auth, caller, request) is { } error)
        {
            return Refuse(stream, WatchAccess.Reason(error));
        }

        if (streams.Outlet(stream) is { } outlet)
        {
            _hub.Create(stream, outlet, request, state.Revision);
            CatchUpIfIdle();
        }

        return default;
    }

    public ValueTask Refuse(long stream, string reason)
    {
        if (streams.Outlet(stream) is { } outlet)
        {
            _hub.Refuse(stream, outlet, reason, replica.State.Revision);
        }

        return default;
    }

    public ValueTask Cancel(long stream, long watchId)
    {
        _hub.Cancel(stream, watchId, replica.State.Revision);
        return default;
    }

    public ValueTask RequestProgress(long stream)
    {
        _hub.RequestProgress(stream, replica.State.Revision);
        return default;
    }

    public ValueTask NotifyProgress(long stream)
    {
        _hub.NotifyProgress(stream, replica.State.Revision);
        return default;
    }

    public ValueTask Resume(long stream)
    {
        _hub.Resume(stream);
        CatchUpIfIdle();
        return default;
    }

    public ValueTask Close(long stream)
    {
        _hub.Close(stream);
        return default;
    }

    public Task OnNextAsync(IList<SequentialItem<Commit>> items)
    {
        foreach (var item in items)
        {
            _hub.Deliver(item.Item);
        }

        NotePosition();
        CatchUpIfIdle();
        return Task.CompletedTask;
    }

    public Task OnErrorAsync(Exception exception)
    {
        // The next commit shows what is missing.
        Log.StreamFailed(logger, exception);
        return Task.CompletedTask;
    }

    private void NotePosition()
    {
        streams.NoteDelivered(_hub.Position);
        hold.Note(_hub.Position, _hub.OwedRevision(), _hub.OwedSteps);
    }

    private void CatchUpIfIdle()
    {
        if (_catchUp.IsCompleted)
        {
            _catchUp = CatchUp();
        }
    }

    private async Task CatchUp()
    {
        while (!_isDeactivated && _hub.NextPass() is { } pass)
        {
            try
            {
                await Task.Run(() => pass.Run(replica, hold));
                _hub.Complete(pass);
                NotePosition();
            }
            catch (Exception exception)
            {
                Log.PassFailed(logger, exception);
                _hub.Abandon(pass);
                await Task.Delay(PauseAfterFailedPass);
            }
        }
    }

    private Task Check(CancellationToken cancellationToken)
    {
        CheckStream();
        CheckLeader();
        return Task.CompletedTask;
    }

    /// <summary>Watchers do not depend on the stream alone: should it ever stand still, they are caught up from history every second.</summary>
    private void CheckStream()
    {
        if (_hub.Position == _checkedPosition && _hub.Position < _checkedRevision)
        {
            Log.StreamStandsStill(logger, _hub.Position, _checkedRevision);
            _hub.GoOnWithoutStream(_checkedRevision);
            NotePosition();
            CatchUpIfIdle();
        }

        (_checkedPosition, _checkedRevision) = (_hub.Position, replica.State.Revision);
    }

    private void CheckLeader()
    {
        _checksWithoutLeader = leadership.IsHeard ? 0 : _checksWithoutLeader + 1;
        if (_checksWithoutLeader >= ChecksWithoutLeader)
        {
            foreach (var outlet in streams.Outlets.Where(static outlet => outlet.RequiresLeader))
            {
                outlet.Fail(new EtcdException(EtcdError.NoLeader));
            }
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Warning, "The stream of commits reported an error; what is missing is read from history.")]
        public static partial void StreamFailed(ILogger logger, Exception exception);

        [LoggerMessage(3, LogLevel.Warning, "The stream of commits stands still at revision {Position}, the store is at {Revision}: going on from history.")]
        public static partial void StreamStandsStill(ILogger logger, long position, long revision);

        [LoggerMessage(2, LogLevel.Error, "Watchers that are behind could not be caught up; it is tried again.")]
        public static partial void PassFailed(ILogger logger, Exception exception);
    }
}
