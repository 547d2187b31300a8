using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Google.Protobuf;
using Granary.Client.Connections;
using Granary.Mvcc.Auth;
using Granary.Protos;
using Grpc.Core;
using Orleans.Runtime;

namespace Granary.Server.InCluster;

/// <summary>The calls of the API by the services of this process, which call the grains.</summary>
internal sealed class InClusterCalls : ICalls
{
    private const string WatchMethod = "/etcdserverpb.Watch/Watch";
    private const string SnapshotMethod = "/etcdserverpb.Maintenance/Snapshot";

    // What a reader has not taken yet: then its service waits.
    private const int Waiting = 16;

    private static readonly TimeSpan FirstRest = TimeSpan.FromMilliseconds(10);
    private static readonly TimeSpan LongestRest = TimeSpan.FromMilliseconds(500);

    private readonly InClusterMethods _methods;
    private readonly Caller _caller;
    private readonly TimeSpan _timeout;
    private readonly TimeProvider _time;

    public InClusterCalls(InClusterMethods methods, InClusterClientOptions options, TimeProvider time)
    {
        options.Validate();
        _methods = methods;
        _caller = options.UserName is { } user ? Caller.Of(user) : Caller.Server;
        (_timeout, _time) = (options.CallTimeout, time);
    }

    public async Task<TResponse> Ask<TRequest, TResponse>(
        UnaryMethod<TRequest, TResponse> method, TRequest request, CancellationToken cancellationToken, TimeSpan? atMost = null)
        where TRequest : IMessage
        where TResponse : class, IMessage<TResponse>
    {
        using var activity = Telemetry.Source.StartActivity(method.Name, ActivityKind.Client);
        var start = _time.GetTimestamp();
        var timeout = atMost < _timeout ? atMost.Value : _timeout;
        using var ends = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        ends.CancelAfter(timeout);
        var deadline = _time.GetUtcNow().UtcDateTime + timeout;
        if (method.Kind == CallKind.Write)
        {
            // The store keeps what it is given, the caller's arrays are the caller's.
            request = Copy(request);
        }

        // Not for the server, nor for others: what the caller's request has with it, stays with it.
        RequestContext.Clear();
        var rest = FirstRest;
        var mayBeDone = false;
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                using var call = new InClusterCall(method.Path, _caller, deadline, ends.Token);
                var response = await _methods.Call(method, request, call).ConfigureAwait(false);
                Telemetry.Called(method.Name, _time.GetElapsedTime(start), attempt, StatusCode.OK);
                return response;
            }
            catch (RpcException exception)
            {
                cancellationToken.ThrowIfCancellationRequested();
                mayBeDone |= Failures.LeavesOpen(exception);
                if (exception.StatusCode == StatusCode.Unavailable && method.Kind != CallKind.Write && !_methods.AreEnding && _time.GetElapsedTime(start) + rest < timeout)
                {
                    await Task.Delay(rest, _time, cancellationToken).ConfigureAwait(false);
                    rest = rest * 2 < LongestRest ? rest * 2 : LongestRest;
                    continue;
                }

                // A service may be told of the end a moment before the deadline.
                var told = ends.IsCancellationRequested && exception.StatusCode == StatusCode.Cancelled
                    ? new RpcException(new Status(StatusCode.DeadlineExceeded, "context deadline exceeded"))
                    : exception;
                activity?.SetStatus(ActivityStatusCode.Error, told.Status.Detail);
                Telemetry.Called(method.Name, _time.GetElapsedTime(start), attempt, told.StatusCode);
                throw Failures.Exception(told, mayHaveHappened: method.Kind != CallKind.Read && mayBeDone);
            }
        }
    }

    // The hub keeps the keys, whose arrays are the caller's.
    public IAsyncEnumerable<WatchResponse> Watch(WatchCreateRequest request, CancellationToken cancellationToken) => Stream<WatchResponse>(
        WatchMethod, (answers, call) => _methods.Watch(Copy(request), answers, call), static response => response, cancellationToken);

    // Of a blob the service uses the memory again.
    public IAsyncEnumerable<SnapshotResponse> Snapshot(SnapshotRequest request, CancellationToken cancellationToken) => Stream<SnapshotResponse>(
        SnapshotMethod, (answers, call) => _methods.Snapshot(request, answers, call), Copy, cancellationToken);

    public void Dispose()
    {
        // It has nothing of its own: calls end with the server, and are refused when that is gone.
    }

    private async IAsyncEnumerable<T> Stream<T>(
        string method,
        Func<IServerStreamWriter<T>, InClusterCall, Task> serve,
        Func<T, T> copy,
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using var ends = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var answers = Channel.CreateBounded<T>(new BoundedChannelOptions(Waiting) { SingleReader = true, SingleWriter = true });

        // Not in the turns of the grain that asks.
        RequestContext.Clear();
        var call = new InClusterCall(method, _caller, DateTime.MaxValue, ends.Token);
        var serving = Task.Run(() => Serve(() => serve(new ChannelAnswers<T>(answers.Writer, copy), call), call, answers.Writer), CancellationToken.None);
        try
        {
            while (true)
            {
                try
                {
                    if (!await answers.Reader.WaitToReadAsync(cancellationToken).ConfigureAwait(false))
                    {
                        yield break;
                    }
                }
                catch (RpcException exception)
                {
                    cancellationToken.ThrowIfCancellationRequested();
                    throw Failures.Exception(exception, mayHaveHappened: false);
                }

                while (answers.Reader.TryRead(out var answer))
                {
                    yield return answer;
                }
            }
        }
        finally
        {
            await ends.CancelAsync().ConfigureAwait(false);
            await serving.ConfigureAwait(false);
        }
    }

    // When the service is done the call is, also if nobody reads what is left of its answers.
    private static async Task Serve<T>(Func<Task> serve, InClusterCall call, ChannelWriter<T> answers)
    {
        try
        {
            using (call)
            {
                await serve();
            }

            answers.Complete();
        }
        catch (Exception exception)
        {
            answers.Complete(exception);
        }
    }

    private static T Copy<T>(T message)
        where T : IMessage => (T)message.Descriptor.Parser.ParseFrom(message.ToByteArray());
}
