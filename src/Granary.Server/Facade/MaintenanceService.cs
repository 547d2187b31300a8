using Granary.Log.Commits;
using Granary.Log.Engines.Postgres;
using Granary.Mvcc.Errors;
using Granary.Protos;
using Granary.Server.Configuration;
using Granary.Server.Health;
using Granary.Server.Identity;
using Granary.Server.Metrics;
using Granary.Storage.Replicas;
using Granary.Storage.Stores;
using Grpc.Core;

namespace Granary.Server.Facade;

/// <summary>The Maintenance service: what this member is like, alarms, checksums, space.</summary>
internal sealed class MaintenanceService(
    Callers callers, Replica replica, ICommitLog log, ILeadership leadership, Leading leading, Member member, Members members, Alarms alarms, HealthProbe probe, SnapshotCall snapshots, CallErrors errors, ServerOptions options)
    : Maintenance.MaintenanceBase, IDisposable
{
    // What goes through the whole store is done for one caller at a time.
    private readonly SemaphoreSlim _whole = new(1);

    public void Dispose() => _whole.Dispose();

    public override Task<StatusResponse> Status(StatusRequest request, ServerCallContext context)
    {
        CallErrors.Run(() => callers.User(context));
        var state = replica.State;
        var figures = replica.Store.Figures;
        var status = new StatusResponse
        {
            Header = member.Complete(new ResponseHeader { Revision = state.Revision }),
            Version = ProductVersion.Etcd,
            StorageVersion = ProductVersion.EtcdStorage,
            DbSize = figures.SizeBytes,
            DbSizeInUse = figures.InUseBytes,
            DbSizeQuota = options.QuotaBackendBytes,
            Leader = leadership.Leader.MemberId,
            RaftIndex = (ulong)state.AppliedIndex,
            RaftAppliedIndex = (ulong)state.AppliedIndex,
            RaftTerm = (ulong)state.Term,
            IsLearner = leadership.IsLearner,
            DowngradeInfo = new DowngradeInfo(),
        };
        status.Errors.AddRange(alarms.Up().Select(alarm => $"memberID:{alarm.MemberID} alarm:{alarm.Alarm.ToString().ToUpperInvariant()} "));
        if ((probe.Failure ?? log.Shortage) is { } trouble)
        {
            status.Errors.Add(trouble);
        }

        return Task.FromResult(status);
    }

    public override async Task<AlarmResponse> Alarm(AlarmRequest request, ServerCallContext context)
    {
        try
        {
            var caller = request.Action == AlarmRequest.Types.AlarmAction.Get ? callers.User(context) : callers.Admin(context);
            await leading.Prove(context.CancellationToken);
            var response = new AlarmResponse();
            switch (request.Action)
            {
                case AlarmRequest.Types.AlarmAction.Get:
                    response.Alarms.AddRange(alarms.Up(request.Alarm));
                    break;
                case AlarmRequest.Types.AlarmAction.Activate when request.Alarm != AlarmType.None:
                    response.Alarms.Add(await alarms.Raise(request.MemberID, request.Alarm, caller));
                    break;
                case AlarmRequest.Types.AlarmAction.Deactivate when await alarms.Disarm(request.MemberID, request.Alarm, caller) is { } disarmed:
                    response.Alarms.Add(disarmed);
                    break;
                case AlarmRequest.Types.AlarmAction.Activate or AlarmRequest.Types.AlarmAction.Deactivate:
                    break;
                default:
                    throw new RpcException(new Status(StatusCode.InvalidArgument, "etcdserver: unknown alarm action"));
            }

            response.Header = member.NewHeader();
            return response;
        }
        catch (Exception exception)
        {
            throw await errors.Map(exception, context);
        }
    }

    /// <summary>A checksum of this member's state as it is now.</summary>
    public override async Task<HashResponse> Hash(HashRequest request, ServerCallContext context)
    {
        try
        {
            callers.Admin(context);
            using var view = replica.View();
            var hash = await Alone(() => StateHash.Of(view, view.Revision, context.CancellationToken), context.CancellationToken);
            return new HashResponse { Header = member.Complete(new ResponseHeader { Revision = view.Revision }), Hash = hash };
        }
        catch (Exception exception)
        {
            throw await errors.Map(exception, context);
        }
    }

    /// <summary>A checksum of the pairs at a revision, the current one for 0.</summary>
    public override async Task<HashKVResponse> HashKV(HashKVRequest request, ServerCallContext context)
    {
        try
        {
            callers.Admin(context);
            using var view = replica.View();
            var revision = request.Revision == 0 ? view.Revision : Math.Max(request.Revision, 1);
            if (revision > view.Revision)
            {
                throw new EtcdException(EtcdError.FutureRevision);
            }

            if (revision < view.CompactedRevision)
            {
                throw new EtcdException(EtcdError.Compacted);
            }

            var hash = await Alone(() => StateHash.Of(view, revision, context.CancellationToken), context.CancellationToken);
            return new HashKVResponse
            {
                Header = member.Complete(new ResponseHeader { Revision = view.Revision }),
                Hash = hash,
                CompactRevision = view.CompactedRevision,
                HashRevision = revision,
            };
        }
        catch (Exception exception)
        {
            throw await errors.Map(exception, context);
        }
    }

    /// <summary>Gives back the space of what was deleted and superseded, beside the traffic.</summary>
    public override async Task<DefragmentResponse> Defragment(DefragmentRequest request, ServerCallContext context)
    {
        try
        {
            callers.Admin(context);
            await Alone(
                () =>
                {
                    replica.Reclaim(Enum.GetValues<Family>());
                    return true;
                },
                context.CancellationToken).WaitAsync(context.CancellationToken);
            return new DefragmentResponse();
        }
        catch (Exception exception)
        {
            throw await errors.Map(exception, context);
        }
    }

    public override Task Snapshot(SnapshotRequest request, IServerStreamWriter<SnapshotResponse> responseStream, ServerCallContext context) =>
        snapshots.Run(responseStream.Metered(context), context);

    /// <summary>Has another member lead; this one finishes what is in flight before.</summary>
    public override async Task<MoveLeaderResponse> MoveLeader(MoveLeaderRequest request, ServerCallContext context)
    {
        try
        {
            callers.Admin(context);
            EtcdException.ThrowIf(leadership.Leader.IsOwn ? null : EtcdError.NotLeader);
            if (request.TargetID != member.Id)
            {
                EtcdException.ThrowIf((await members.List(mustBeNew: true)).Any(one => one.ID == request.TargetID && !one.IsLearner && one.Name.Length > 0) ? null : EtcdError.BadLeaderTransferee);
                await ((SharedLog)log).HandOver(request.TargetID, context.CancellationToken);
            }

            return new MoveLeaderResponse();
        }
        catch (Exception exception)
        {
            throw await errors.Map(exception, context);
        }
    }

    /// <summary>There is no older version of this server that could read what it writes.</summary>
    public override Task<DowngradeResponse> Downgrade(DowngradeRequest request, ServerCallContext context)
    {
        CallErrors.Run(() => callers.Admin(context));
        throw CallErrors.Of(request.Action switch
        {
            DowngradeRequest.Types.DowngradeAction.Cancel => EtcdError.NoInflightDowngrade,
            not (DowngradeRequest.Types.DowngradeAction.Validate or DowngradeRequest.Types.DowngradeAction.Enable) => EtcdError.UnknownMethod,
            _ => IsVersion(request.Version) ? EtcdError.InvalidDowngradeTargetVersion : EtcdError.WrongDowngradeVersionFormat,
        });
    }

    private async Task<T> Alone<T>(Func<T> work, CancellationToken cancellationToken)
    {
        await _whole.WaitAsync(cancellationToken);
        try
        {
            return await Task.Run(work, cancellationToken);
        }
        finally
        {
            _whole.Release();
        }
    }

    // Two or three numbers.
    private static bool IsVersion(string text) =>
        text.Split('.') is { Length: 2 or 3 } parts && parts.All(static part => part.Length > 0 && part.All(char.IsAsciiDigit));
}
