using Orleans.Runtime;

namespace Granary.Grains.Replication;

/// <summary>Asks the replicas of silos, each of which may be dead or slow.</summary>
public sealed class OtherReplicas(IGrainFactory grains)
{
    /// <summary>What a silo's replica answers; the default of the type if it does not answer in time.</summary>
    /// <param name="silo">The silo's address.</param>
    /// <param name="ask">The question.</param>
    /// <param name="patience">How long the answer may take.</param>
    /// <param name="cancellationToken">Nobody waits any more.</param>
    /// <exception cref="OperationCanceledException">Nobody waits any more.</exception>
    public async Task<T?> Ask<T>(string silo, Func<IReplicaGrain, CancellationToken, ValueTask<T>> ask, TimeSpan patience, CancellationToken cancellationToken)
    {
        using var tooLate = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        tooLate.CancelAfter(patience);
        try
        {
            return await ask(grains.GetGrain<IReplicaGrain>(silo), tooLate.Token).AsTask().WaitAsync(tooLate.Token);
        }
        catch (Exception exception) when (exception is OrleansException or TimeoutException or OperationCanceledException && !cancellationToken.IsCancellationRequested)
        {
            return default;
        }
    }
}
