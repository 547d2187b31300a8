using System.Diagnostics;
using Granary.Grains.Tracing;
using Granary.Grains.Watches;
using Granary.Mvcc.Auth;
using Granary.Mvcc.Errors;
using Granary.Protos;
using Granary.Server.Configuration;
using Grpc.Core;

namespace Granary.Server.Facade;

/// <summary>One Watch rpc: gives its requests to the hub, writes what the hub has put into its outlet, and minds the clock for progress.</summary>
internal sealed class WatchCall(
    long stream, Func<Caller> findCaller, WatchOutlet outlet, IWatchHubGrain hub, Member member, ServerOptions options, TimeProvider time)
{
    private static readonly WriteOptions Flushed = new();
    private static readonly WriteOptions Unflushed = new(WriteFlags.BufferHint);

    // What is written before the transport is told to send, when more is at hand.
    private const int FlushBytes = 32 << 10;

    // Ticks of different streams are spread by up to so much of the interval.
    private const double IntervalJitter = 0.1;

    private Task _ticking = Task.CompletedTask;

    /// <summary>Runs until the client leaves, the outlet fails, or <paramref name="ended"/> is cancelled.</summary>
    public async Task Run(
        IAsyncStreamReader<WatchRequest> requests, IServerStreamWriter<WatchResponse> responses, CancellationTokenSource ended)
    {
        var receiving = Receive(requests, ended.Token);
        var sending = Send(responses, ended.Token);
        try
        {
            // A client that has said all that it wants goes on watching.
            if (await Task.WhenAny(receiving, sending) == receiving)
            {
                await receiving;
            }

            await sending;
        }
        finally
        {
            await ended.CancelAsync();
            await Task.WhenAll(receiving, sending, _ticking).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task Receive(IAsyncStreamReader<WatchRequest> requests, CancellationToken cancellationToken)
    {
        while (await requests.MoveNext(cancellationToken))
        {
            await outlet.WaitToRequest(cancellationToken);
            var request = requests.Current;
            switch (request.RequestUnionCase)
            {
                case WatchRequest.RequestUnionOneofCase.CreateRequest:
                    await Create(request.CreateRequest);
                    if (request.CreateRequest.ProgressNotify && _ticking.IsCompleted)
                    {
                        _ticking = Tick(cancellationToken);
                    }

                    break;
                case WatchRequest.RequestUnionOneofCase.CancelRequest:
                    await hub.Cancel(stream, request.CancelRequest.WatchId);
                    break;
                case WatchRequest.RequestUnionOneofCase.ProgressRequest:
                    await hub.RequestProgress(stream);
                    break;
            }
        }
    }

    private async Task Create(WatchCreateRequest request)
    {
        try
        {
            await hub.Create(stream, request, findCaller());
        }
        catch (EtcdException exception) when (exception.Error == EtcdError.InvalidAuthToken)
        {
            await hub.Refuse(stream, WatchAccess.Reason(exception.Error));
        }
    }

    private async Task Tick(CancellationToken cancellationToken)
    {
        var interval = options.WatchProgressNotifyInterval * (1 + (Random.Shared.NextDouble() * IntervalJitter));
        using var timer = new PeriodicTimer(interval, time);
        while (await timer.WaitForNextTickAsync(cancellationToken))
        {
            await hub.NotifyProgress(stream);
        }
    }

    private async Task Send(IServerStreamWriter<WatchResponse> responses, CancellationToken cancellationToken)
    {
        while (true)
        {
            await outlet.WaitToTake(cancellationToken);
            var unflushedBytes = 0;
            while (outlet.TryTake(out var outgoing, out var hasMore, out var roomAgain))
            {
                using var span = StartDelivery(outgoing);
                member.Complete(outgoing.Response.Header);
                unflushedBytes += outgoing.SizeBytes;
                var isFlushed = !hasMore || unflushedBytes >= FlushBytes;
                if (isFlushed)
                {
                    unflushedBytes = 0;
                }

                if (outgoing.MayFragment && outgoing.Response.CalculateSize() >= RequestSize.MaxMessageBytes(options))
                {
                    foreach (var fragment in WatchFragments.Of(outgoing.Response, RequestSize.MaxMessageBytes(options)))
                    {
                        await Write(responses, fragment, Flushed, cancellationToken);
                    }
                }
                else
                {
                    await Write(responses, outgoing.Response, isFlushed ? Flushed : Unflushed, cancellationToken);
                }

                if (roomAgain)
                {
                    await hub.Resume(stream);
                }
            }
        }
    }

    private static Task Write(
        IServerStreamWriter<WatchResponse> responses, WatchResponse response, WriteOptions writeOptions, CancellationToken cancellationToken)
    {
        responses.WriteOptions = writeOptions;
        return responses.WriteAsync(response, cancellationToken);
    }

    /// <summary>Begins the span of a delivery in the trace of the commit that it tells of, linked to it; null when that is not sampled.</summary>
    private static Activity? StartDelivery(in OutgoingResponse outgoing)
    {
        if (outgoing.CommitTrace is null || !ActivityContext.TryParse(outgoing.CommitTrace, null, out var commit))
        {
            return null;
        }

        var span = GrainTrace.Source.StartActivity(ActivityKind.Producer, commit, links: [new ActivityLink(commit)], name: "watch delivery");
        span?.SetTag("granary.watch.id", outgoing.Response.WatchId);
        span?.SetTag("granary.revision", outgoing.Response.Header.Revision);
        return span;
    }
}
