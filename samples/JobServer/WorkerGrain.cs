using Granary.Client;
using Granary.Orleans;

namespace Granary.Samples.JobServer;

/// <summary>Does the jobs below a prefix, which is its key: <c>jobs/a</c> becomes <c>done/a</c>.</summary>
internal interface IWorkerGrain : IGrainWithStringKey
{
    /// <summary>Has it be at work. It goes on by itself.</summary>
    Task Work();
}

internal sealed class WorkerGrain(IGranaryClient client) : Grain, IWorkerGrain
{
    public Task Work() => Task.CompletedTask;

    public override async Task OnActivateAsync(CancellationToken cancellationToken)
    {
        var jobs = this.GetPrimaryKeyString();
        var waiting = await client.RangeAsync(KeyRange.Prefix(jobs), cancellationToken: cancellationToken);

        // What waits, and then whatever comes: nothing falls in between. When the stream ends, the grain does, and begins anew.
        this.GetGranaryStream(jobs).Subscribe(
            async update =>
            {
                foreach (var change in update.Events.Where(static change => !change.IsDeletion))
                {
                    await Do(change.KeyValue);
                }
            },
            fromRevision: waiting.Revision + 1);
        foreach (var job in waiting.KeyValues)
        {
            await Do(job);
        }
    }

    // Once, whoever else is at work, and however often this is told of the job.
    private Task<TxnResult> Do(KeyValue job) => client.Txn()
        .If(When.ModRevision(job.Key) == job.ModRevision)
        .Then(Op.Delete(job.Key), Op.Put("done/" + job.Key.ToString()[this.GetPrimaryKeyString().Length..], job.Value.ToString().ToUpperInvariant()))
        .CommitAsync();
}
