using Granary.Log.Commits;
using Granary.Protos;
using Granary.Server.Configuration;
using Granary.Storage.Replicas;
using Grpc.Core;

namespace Granary.Server.Facade;

/// <summary>The Maintenance service: so far what clients ask for when they connect.</summary>
internal sealed class MaintenanceService(Replica replica, ICommitLog log, Member member, ServerOptions options, SnapshotCall snapshots) : Maintenance.MaintenanceBase
{
    public override Task<StatusResponse> Status(StatusRequest request, ServerCallContext context)
    {
        var state = replica.State;
        var size = replica.Store.SizeBytes;
        var status = new StatusResponse
        {
            Header = member.Complete(new ResponseHeader { Revision = state.Revision }),
            Version = ProductVersion.Etcd,
            StorageVersion = ProductVersion.EtcdStorage,
            DbSize = size,
            DbSizeInUse = size,
            DbSizeQuota = options.QuotaBackendBytes,
            Leader = state.MemberId,
            RaftIndex = (ulong)state.AppliedIndex,
            RaftAppliedIndex = (ulong)state.AppliedIndex,
            RaftTerm = (ulong)state.Term,
        };
        if ((log.Failure ?? log.Shortage) is { } trouble)
        {
            status.Errors.Add(trouble);
        }

        return Task.FromResult(status);
    }

    /// <summary>Lists alarms: none can be raised yet, so there is none. Clients ask for it to judge a server's health.</summary>
    public override Task<AlarmResponse> Alarm(AlarmRequest request, ServerCallContext context) =>
        request.Action == AlarmRequest.Types.AlarmAction.Get
            ? Task.FromResult(new AlarmResponse { Header = member.Complete(new ResponseHeader { Revision = replica.State.Revision }) })
            : base.Alarm(request, context);

    public override Task Snapshot(SnapshotRequest request, IServerStreamWriter<SnapshotResponse> responseStream, ServerCallContext context) =>
        snapshots.Run(responseStream, context);
}
