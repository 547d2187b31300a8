using System.Diagnostics.Metrics;
using System.Threading.Channels;
using Granary.Grains.KeyRanges;
using Granary.Grains.Leases;
using Granary.Grains.Tracing;
using Granary.Protos;
using Grpc.Core;

namespace Granary.Server.Facade;

/// <summary>One LeaseKeepAlive rpc: whatever requests have come meanwhile go to their grains together; answers keep the order of the requests.</summary>
internal sealed class KeepAliveCall(GrainRouter router, Member member)
{
    private const int MaxBatch = 1024;

    private static readonly WriteOptions Flushed = new();
    private static readonly WriteOptions Unflushed = new(WriteFlags.BufferHint);

    private static readonly UpDownCounter<int> Streams = new Meter(KeyRangeMetrics.MeterName).CreateUpDownCounter<int>(
        "granary.leases.keepalive.streams", description: "Streams on which clients keep leases alive.");

    // Requests that were read and not answered yet: no more are read when it is full.
    private readonly Channel<long> _requests = Channel.CreateBounded<long>(
        new BoundedChannelOptions(MaxBatch) { SingleReader = true, SingleWriter = true });

    /// <summary>Runs until the client has said all and was answered, or leaves.</summary>
    public async Task Run(
        IAsyncStreamReader<LeaseKeepAliveRequest> requests, IServerStreamWriter<LeaseKeepAliveResponse> responses, CancellationTokenSource ended)
    {
        Streams.Add(1);
        var reading = Read(requests, ended.Token);
        try
        {
            await Answer(responses, ended.Token);
        }
        finally
        {
            await ended.CancelAsync();
            await reading.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            Streams.Add(-1);
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

    /// <summary>Asks the grains of all slots at once; the answers are in the order of the ids.</summary>
    private async Task<LeaseKeepAliveResponse[]> Ask(List<long> ids, CancellationToken cancellationToken)
    {
        using var span = GrainTrace.StartCall("ILeaseGrain/KeepAlive");
        var ofSlot = new int[LeaseGrainKey.Slots];
        foreach (var id in ids)
        {
            ofSlot[LeaseGrainKey.SlotOf(id)]++;
        }

        var parts = new long[LeaseGrainKey.Slots][];
        for (var slot = 0; slot < parts.Length; slot++)
        {
            parts[slot] = new long[ofSlot[slot]];
        }

        Array.Clear(ofSlot);
        foreach (var id in ids)
        {
            var slot = LeaseGrainKey.SlotOf(id);
            parts[slot][ofSlot[slot]++] = id;
        }

        var asked = new Task<IReadOnlyList<LeaseKeepAliveResponse>>?[parts.Length];
        for (var slot = 0; slot < parts.Length; slot++)
        {
            asked[slot] = parts[slot].Length > 0 ? router.LeaseSlots[slot].KeepAlive(parts[slot], cancellationToken).AsTask() : null;
        }

        await Task.WhenAll(asked.OfType<Task>());
        Array.Clear(ofSlot);
        var answers = new LeaseKeepAliveResponse[ids.Count];
        for (var i = 0; i < answers.Length; i++)
        {
            var slot = LeaseGrainKey.SlotOf(ids[i]);
            answers[i] = (await asked[slot]!)[ofSlot[slot]++];
        }

        return answers;
    }
}
