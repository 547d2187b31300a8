using System.Collections.Frozen;
using Granary.Log.Commits;
using Granary.Mvcc.Errors;
using Granary.Protos;

namespace Granary.Server.Facade;

/// <summary>Refuses what a learner does not answer: all but how it is, snapshots, and reads, of which it refuses those itself that need a leader.</summary>
internal sealed class LearnerCalls(RequestDelegate next, ILeadership leadership)
{
    private static readonly FrozenSet<string> Answered = FrozenSet.Create(
        $"/{KV.Descriptor.FullName}/{nameof(KV.KVBase.Range)}",
        $"/{KV.Descriptor.FullName}/{nameof(KV.KVBase.RangeStream)}",
        $"/{Maintenance.Descriptor.FullName}/{nameof(Maintenance.MaintenanceBase.Status)}",
        $"/{Maintenance.Descriptor.FullName}/{nameof(Maintenance.MaintenanceBase.Snapshot)}",
        $"/{Grpc.Health.V1.Health.Descriptor.FullName}/{nameof(Grpc.Health.V1.Health.HealthBase.Check)}",
        $"/{Grpc.Health.V1.Health.Descriptor.FullName}/{nameof(Grpc.Health.V1.Health.HealthBase.Watch)}");

    /// <summary>Whether a learner answers a method, by its path.</summary>
    public static bool Answers(string path) => Answered.Contains(path);

    public Task Invoke(HttpContext context)
    {
        if (!leadership.IsLearner || Answers(context.Request.Path.Value!))
        {
            return next(context);
        }

        EndedCall.Write(context, EtcdError.NotSupportedForLearner.Code, EtcdError.NotSupportedForLearner.Text);
        return Task.CompletedTask;
    }
}
