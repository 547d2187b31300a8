using Google.Protobuf;
using Granary.Log.Commits;
using Granary.Mvcc.Auth;
using Granary.Mvcc.Errors;
using Granary.Protos;
using Granary.Server.Facade;
using Granary.Storage.Replicas;

namespace Granary.Server.Health;

/// <summary>Knows how this server is: what its alarms say, whether it can read, whether it can write.</summary>
internal sealed class HealthProbe(
    Replica replica, ICommitLog log, ILeadership leadership, Alarms alarms, Keyspace keyspace, IHostApplicationLifetime lifetime, TimeProvider time)
{
    private static readonly TimeSpan ReadTimeout = TimeSpan.FromSeconds(5);

    private static readonly ByteString ProbedKey = ByteString.CopyFromUtf8("health");

    /// <summary>Why nothing can be written any more, or null: the log failed, or the server stops.</summary>
    public string? Failure => log.Failure ?? (lifetime.ApplicationStopping.IsCancellationRequested ? EtcdError.Stopped.Text : null);

    public IReadOnlyList<HealthCheck> Checks =>
    [
        new("serializable_read", IsOfLife: true, token => Read(serializable: true, token)),
        new("data_corruption", IsOfLife: false, _ => new(replica.State.HasAlarm(AlarmType.Corrupt) ? "alarm activated: CORRUPT" : null)),
        new("linearizable_read", IsOfLife: false, async token => Failure ?? await Read(serializable: false, token)),
        new("non_learner", IsOfLife: false, _ => new(leadership.IsLearner ? "not a voting member" : null)),
    ];

    /// <summary>The kinds of alarm that are up.</summary>
    public IEnumerable<AlarmType> Alarms => alarms.Up().Select(static alarm => alarm.Alarm).Distinct();

    /// <summary>Reads a key; says why that fails, or null.</summary>
    public async ValueTask<string?> Read(bool serializable, CancellationToken cancellationToken)
    {
        using var timeout = new CancellationTokenSource(ReadTimeout, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, timeout.Token);
        try
        {
            await keyspace.Range(new RangeRequest { Key = ProbedKey, Serializable = serializable, Limit = 1 }, Caller.Server, either.Token);
            return null;
        }
        catch (OperationCanceledException) when (timeout.IsCancellationRequested)
        {
            return EtcdError.Timeout.Text;
        }
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            return exception.Message;
        }
    }
}
