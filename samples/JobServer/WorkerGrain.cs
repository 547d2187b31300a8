using Granary.Client;
using Granary.Streams;

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

        // What waits, and then whatever comes: nothing falls in between.
        await this.GetGranaryStream(jobs).SubscribeAsync(
            async commit =>
            {
                foreach (var change in commit.Events.Where(change => change.Type == Protos.Event.Types.EventType.Put))
                {
                    await Do(change.Kv.Key.ToStringUtf8(), change.Kv.Value.ToStringUtf8(), change.Kv.ModRevision);
                }
            },
            fromRevision: waiting.Revision + 1,
            onError: missed =>
            {
                // It begins anew with what waits then.
                DeactivateOnIdle();
                return Task.CompletedTask;
            });
        foreach (var job in waiting.KeyValues)
        {
            await Do(job.Key.ToString(), job.Value.ToString(), job.ModRevision);
        }
    }

    // Once, whoever else is at work, and however often this is told of the job.
    private Task<TxnResult> Do(string key, string what, long revision) => client.Txn()
        .If(When.ModRevision(key) == revision)
        .Then(Op.Delete(key), Op.Put("done/" + key[this.GetPrimaryKeyString().Length..], what.ToUpperInvariant()))
        .CommitAsync();
}
