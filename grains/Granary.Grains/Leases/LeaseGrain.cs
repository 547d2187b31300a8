using Granary.Grains.KeyRanges;
using Granary.Grains.Placement;
using Granary.Grains.Tracing;
using Granary.Log.Commits;
using Granary.Mvcc.Auth;
using Granary.Mvcc.Errors;
using Granary.Mvcc.Evaluation;
using Granary.Protos;
using Granary.Storage.Replicas;
using Microsoft.Extensions.Logging;
using Orleans.Concurrency;
using Orleans.GrainDirectory;
using Orleans.Runtime;

namespace Granary.Grains.Leases;

/// <summary>
/// Decides when the leases of its slot are renewed and when they expire. It deletes no key itself: granting, revoking and expiring are
/// writes like any other. A new term, and so a new grain, gives every lease its full time.
/// </summary>
[Reentrant, KeepAlive, LeaderPlacement, GrainDirectory(HomeDirectory.OfTerms)]
internal sealed partial class LeaseGrain(Replica replica, ICommitLog log, ILeadership leadership, TimeProvider time, ILogger<LeaseGrain> logger)
    : Grain, ILeaseGrain, IDisposable
{
    // Below it a client could hardly renew in time; etcd's at its default election timeout.
    private const long ShortestTtlSeconds = 2;

    private const int MaxRevocationsAtATime = 1000;

    // No lease is shorter, so none that is granted meanwhile is missed; and so often that only a pause is longer unseen.
    private static readonly TimeSpan LongestWait = LeaseTimers.LongestUnseen / 2;

    private readonly LeaseTimers _timers = new(time);

    private readonly CancellationTokenSource _deactivating = new();
    private LeaseWrites _writes = null!;
    private Task _expiry = Task.CompletedTask;
    private TimeSpan _toldPaused;
    private long _term;

    public override Task OnActivateAsync(CancellationToken cancellationToken)
    {
        (_term, var slot) = LeaseGrainKey.Parse(this.GetPrimaryKeyString());
        _writes = new LeaseWrites(replica, GrainFactory, _term, Forget);
        using var view = replica.View();
        foreach (var lease in view.Leases())
        {
            if (LeaseGrainKey.SlotOf(lease.Id) == slot)
            {
                Track(lease.Id, lease.TtlSeconds);
            }
        }

        _expiry = Expire();
        return Task.CompletedTask;
    }

    public override async Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken)
    {
        await _deactivating.CancelAsync();
        await _expiry;
        LeaseMetrics.Live.Add(-_timers.Count);
    }

    public void Dispose() => _deactivating.Dispose();

    public ValueTask Start() => default;

    public async ValueTask<LeaseGrantResponse> Grant(LeaseGrantRequest request, Caller caller, CancellationToken cancellationToken)
    {
        var effective = request.TTL >= ShortestTtlSeconds ? request : new LeaseGrantRequest { ID = request.ID, TTL = ShortestTtlSeconds };
        cancellationToken.ThrowIfCancellationRequested();

        // Whether its caller stays or not: a lease that is granted must run out one day.
        return await GrantAndTrack(effective, caller).WaitAsync(cancellationToken);
    }

    public async ValueTask<LeaseRevokeResponse> Revoke(LeaseRevokeRequest request, Caller caller, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var response = await _writes.End(request.ID, caller).WaitAsync(cancellationToken);
        LeaseMetrics.Revoked.Add(1);
        return response;
    }

    public async ValueTask<LeaseRenewals> KeepAlive(long[] ids, Caller caller, CancellationToken cancellationToken)
    {
        await MustLead(cancellationToken);
        var revision = replica.State.Revision;
        CheckAttached(caller, ids, static (access, view, id) => access.WriteAttached(view, id));
        var ttls = new long[ids.Length];
        List<Task>? ending = null;
        var renewed = 0;
        for (var i = 0; i < ids.Length; i++)
        {
            if (_timers.Find(ids[i]) is not { } lease)
            {
                continue;
            }

            if (_timers.TryRenew(lease))
            {
                ttls[i] = lease.TtlSeconds;
                renewed++;
            }
            else
            {
                (ending ??= []).Add(_writes.AwaitEnd(lease.Id));
            }
        }

        LeaseMetrics.Renewed.Add(renewed);
        if (ending is not null)
        {
            await Task.WhenAll(ending).WaitAsync(cancellationToken);
        }

        return new LeaseRenewals(revision, ttls);
    }

    public async ValueTask<LeaseTimeToLiveResponse> TimeToLive(LeaseTimeToLiveRequest request, Caller caller, CancellationToken cancellationToken)
    {
        await MustLead(cancellationToken);
        using var view = replica.View();
        EtcdException.ThrowIf(AccessRules.CheckUser(view.Auth, caller) ?? (request.Keys ? Access.Of(view.Auth, caller).ReadAttached(view, request.ID) : null));
        var response = new LeaseTimeToLiveResponse { Header = new ResponseHeader { Revision = view.Revision }, ID = request.ID, TTL = -1 };
        var granted = view.GrantedTtlSeconds(request.ID);
        if (granted == 0)
        {
            return response;
        }

        // One that has just been granted has its time in full.
        var remaining = _timers.Find(request.ID) is { } lease ? _timers.Remaining(lease) : TimeSpan.FromSeconds(granted);
        response.TTL = Math.Max(0, (long)remaining.TotalSeconds);
        response.GrantedTTL = granted;
        return response;
    }

    public async ValueTask<IReadOnlyList<LeaseRemaining>> Leases(Caller caller, CancellationToken cancellationToken)
    {
        await MustLead(cancellationToken);
        CheckAttached(caller, _timers.All.Select(static lease => lease.Id), static (access, view, id) => access.ReadAttached(view, id));
        return _timers.All.Select(lease => new LeaseRemaining(lease.Id, _timers.Remaining(lease))).ToArray();
    }

    private bool IsOfLeader => leadership.Leader is { IsOwn: true } leader && leader.Term == _term;

    /// <summary>What is promised here must not be what another leader knows better, nor the grain of a later term on this silo.</summary>
    private async ValueTask MustLead(CancellationToken cancellationToken)
    {
        await log.Prove(cancellationToken);
        EtcdException.ThrowIf(IsOfLeader ? null : EtcdError.LeaderChanged);
    }

    /// <summary>Refuses whoever is no user, or lacks a right to the keys that are attached to one of the leases.</summary>
    private void CheckAttached(Caller caller, IEnumerable<long> ids, Func<Access, IKeyspaceView, long, EtcdError?> check)
    {
        using var view = replica.View();
        var access = Access.Of(view.Auth, caller);
        if (access.IsFree)
        {
            return;
        }

        EtcdException.ThrowIf(AccessRules.CheckUser(view.Auth, caller));
        foreach (var id in ids)
        {
            EtcdException.ThrowIf(check(access, view, id));
        }
    }

    private async Task<LeaseGrantResponse> GrantAndTrack(LeaseGrantRequest request, Caller caller)
    {
        var response = await _writes.Grant(request, caller);
        Track(request.ID, request.TTL);
        LeaseMetrics.Granted.Add(1);
        LeaseMetrics.Ttl.Record(request.TTL);
        return response;
    }

    private void Track(long id, long ttlSeconds)
    {
        _timers.Add(id, ttlSeconds);
        LeaseMetrics.Live.Add(1);
    }

    private void Forget(long id)
    {
        if (_timers.Remove(id))
        {
            LeaseMetrics.Live.Add(-1);
        }
    }

    private async Task Expire()
    {
        // Nobody's request: what made the grain does not own what it does from now on.
        RequestContext.Clear();
        var running = new HashSet<Task>();
        while (!_deactivating.IsCancellationRequested)
        {
            if (!IsOfLeader)
            {
                // Another leader has given all leases their full time.
                DeactivateOnIdle();
                break;
            }

            TellOfPauses();
            while (running.Count < MaxRevocationsAtATime && _timers.TakeExpired() is { } lease)
            {
                running.Add(ExpireOne(lease));
            }

            running.RemoveWhere(static task => task.IsCompleted);
            var wait = Task.Delay(Until(_timers.UntilNext()), time, _deactivating.Token);
            await (running.Count < MaxRevocationsAtATime ? wait : Task.WhenAny([wait, .. running])).ConfigureAwait(
                ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ContinueOnCapturedContext);
        }

        await Task.WhenAll(running);
    }

    private void TellOfPauses()
    {
        _timers.Look();
        if (_timers.Paused - _toldPaused is var paused && paused > TimeSpan.Zero && _timers.Count > 0)
        {
            Log.Paused(logger, paused, _timers.Count);
        }

        _toldPaused = _timers.Paused;
    }

    private static TimeSpan Until(TimeSpan? next) =>
        next is not { } until || until > LongestWait ? LongestWait
        : until < TimeSpan.FromMilliseconds(1) ? TimeSpan.FromMilliseconds(1)
        : until;

    private async Task ExpireOne(Lease lease)
    {
        using var span = GrainTrace.StartRoot("lease expiry");
        span?.SetTag("granary.lease", lease.Id);
        try
        {
            await _writes.EndExpired(lease.Id);
            LeaseMetrics.Expired.Add(1);
            LeaseMetrics.Lateness.Record(-_timers.Remaining(lease).TotalSeconds);
        }
        catch (EtcdException exception) when (exception.Error == EtcdError.LeaseNotFound)
        {
            // A client was faster.
        }
        catch (Exception exception)
        {
            if (!_deactivating.IsCancellationRequested)
            {
                if (!lease.IsStuck)
                {
                    lease.IsStuck = true;
                    Log.NotRevoked(logger, lease.Id, exception.Message);
                }

                await Task.Delay(LongestWait, time, _deactivating.Token).ConfigureAwait(
                    ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ContinueOnCapturedContext);
                _timers.GiveBack(lease);
            }
        }
    }

    private static partial class Log
    {
        [LoggerMessage(2, LogLevel.Warning, "The server stood still for {Paused} and could renew no lease: {Leases} leases live longer by that.")]
        public static partial void Paused(ILogger logger, TimeSpan paused, int leases);

        [LoggerMessage(1, LogLevel.Warning, "Lease {Lease:x} has expired and could not be revoked; it is tried again and again: {Reason}")]
        public static partial void NotRevoked(ILogger logger, long lease, string reason);
    }
}
