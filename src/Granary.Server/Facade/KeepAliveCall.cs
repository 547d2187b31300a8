using System.Threading.Channels;
using Granary.Grains.Leases;
using Granary.Protos;
using Grpc.Core;

namespace Granary.Server.Facade;

/// <summary>One LeaseKeepAlive rpc: whatever requests have come meanwhile go to their grains together; answers keep the order of the requests.</summary>
internal sealed class KeepAliveCall(GrainRouter router, Member member)
{
    private const int MaxBatch = 1024;

    private static readonly WriteOptions Flushed = new();
    private static readonly WriteOptions Unflushed = new(WriteFlags.BufferHint);

    // Requests that were read and not answered yet: no more are read when it is full.
    private readonly Channel<long> _requests = Channel.CreateBounded<long>(
        new BoundedChannelOptions(MaxBatch) { SingleReader = true, SingleWriter = true });

    /// <summary>Runs until the client has said all and was answered, or leaves.</summary>
    public async Task Run(
        IAsyncStreamReader<LeaseKeepAliveRequest> requests, IServerStreamWriter<LeaseKeepAliveResponse> responses, CancellationTokenSource ended)
    {
        var reading = Read(requests, ended.Token);
        try
        {
            await Answer(responses, ended.Token);
        }
        finally
        {
            await ended.CancelAsync();
            await reading.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        await reading;
    }

    private async Task Read(IAsyncStreamReader<LeaseKeepAliveRequest> requests, CancellationToken cancellationToken)
    {
        Exception? failure = null;
        try
        {
            while (await requests.MoveNext(cancellationToken))
            {
                await _requests.Writer.WriteAsync(requests.Current.ID, cancellationToken);
            }
        }
        catch (Exception exception)
        {
            failure = exception;
        }

        _requests.Writer.Complete(failure);
    }

    private async Task Answer(IServerStreamWriter<LeaseKeepAliveResponse> responses, CancellationToken cancellationToken)
    {
        var batch = new List<long>();
        while (await _requests.Reader.WaitToReadAsync(cancellationToken))
        {
            while (batch.Count < MaxBatch && _requests.Reader.TryRead(out var id))
            {
                batch.Add(id);
            }

            var answers = await Ask(batch, cancellationToken);
            for (var i = 0; i < answers.Length; i++)
            {
                member.Complete(answers[i].Header);
                responses.WriteOptions = i == answers.Length - 1 ? Flushed : Unflushed;
                await responses.WriteAsync(answers[i], cancellationToken);
            }

            batch.Clear();
        }
    }

    private async Task<LeaseKeepAliveResponse[]> Ask(List<long> ids, CancellationToken cancellationToken)
    {
        var answers = new LeaseKeepAliveResponse[ids.Count];
        var bySlot = new List<int>?[LeaseGrainKey.Slots];
        for (var i = 0; i < ids.Count; i++)
        {
            (bySlot[LeaseGrainKey.SlotOf(ids[i])] ??= []).Add(i);
        }

        await Task.WhenAll(bySlot.Select(async (positions, slot) =>
        {
            if (positions is not null)
            {
                var renewed = await router.LeaseSlots[slot].KeepAlive([.. positions.Select(position => ids[position])], cancellationToken);
                for (var i = 0; i < positions.Count; i++)
                {
                    answers[positions[i]] = renewed[i];
                }
            }
        }));
        return answers;
    }
}
