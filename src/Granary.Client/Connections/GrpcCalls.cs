using System.Diagnostics;
using System.Runtime.CompilerServices;
using Google.Protobuf;
using Granary.Protos;
using Grpc.Core;

namespace Granary.Client.Connections;

/// <summary>The calls of the API by gRPC.</summary>
internal sealed class GrpcCalls : ICalls
{
    // etcd ends a stream with this when its server has lost the others: it is resumed at another one.
    private static readonly Metadata.Entry RequiresLeader = new("hasleader", "true");

    // Before a server that does not lead is asked once more, since another one has not answered yet.
    private static readonly TimeSpan RestOfFollower = TimeSpan.FromMilliseconds(100);

    // A token that was just got may be unknown to a server that has just joined; more often it is something else.
    private const int MaxRenewals = 3;

    private readonly Endpoints _endpoints;
    private readonly Tokens _tokens;
    private readonly TimeSpan _timeout;
    private readonly TimeProvider _time;

    public GrpcCalls(GranaryClientOptions options, TimeProvider time)
    {
        options.Validate();
        _endpoints = new Endpoints([.. options.Endpoints.Select(address => new Endpoint(address, options))], time);
        _tokens = new Tokens(options.UserName, options.Password, _endpoints, time);
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
        var renewals = 0;
        var mayBeDone = false;
        HashSet<Endpoint>? followers = null;

        // Less is not worth an attempt: it would end by the deadline, and nobody would know what it has done.
        var leastTime = timeout / 10;
        for (var attempt = 1; ; attempt++)
        {
            var endpoint = _endpoints.Next(out var rest);
            rest = followers?.Contains(endpoint) == true && rest < RestOfFollower ? RestOfFollower : rest;
            if (attempt > 1 && rest > TimeSpan.Zero)
            {
                await Task.Delay(TimeSpan.FromTicks(Math.Clamp((Left() - leastTime).Ticks, 0, rest.Ticks)), _time, cancellationToken).ConfigureAwait(false);
            }

            Metadata? headers = null;
            try
            {
                headers = await _tokens.Headers(endpoint, TimeOfAttempt(mayBeRepeated: true), cancellationToken).ConfigureAwait(false);
                var response = await endpoint.Unary.Call(method, request, headers, TimeOfAttempt(mayBeRepeated: method.Kind != CallKind.Write), cancellationToken).ConfigureAwait(false);
                _endpoints.Answered(endpoint);
                Telemetry.Called(method.Name, _time.GetElapsedTime(start), attempt, StatusCode.OK);
                return response;
            }
            catch (RpcException exception)
            {
                cancellationToken.ThrowIfCancellationRequested();
                if (headers is not null && _tokens.IsOutdated(exception) && ++renewals <= MaxRenewals && Left() > leastTime)
                {
                    _tokens.Forget(headers);
                    continue;
                }

                if (Failures.IsForLeader(exception) && IsAnotherToBeAsked(endpoint))
                {
                    continue;
                }

                var isSent = headers is not null && !Failures.IsSurelyNotSent(exception);
                mayBeDone |= isSent && Failures.LeavesOpen(exception);
                if (Failures.IsOfServer(exception) || exception.StatusCode == StatusCode.DeadlineExceeded)
                {
                    // Whoever has failed to give a token is known by then.
                    if (headers is not null)
                    {
                        _endpoints.Failed(endpoint);
                    }

                    if ((method.Kind != CallKind.Write || !isSent) && Left() > leastTime * 2)
                    {
                        continue;
                    }
                }

                activity?.SetStatus(ActivityStatusCode.Error, exception.Status.Detail);
                Telemetry.Called(method.Name, _time.GetElapsedTime(start), attempt, exception.StatusCode);
                throw Failures.Exception(exception, mayHaveHappened: method.Kind != CallKind.Read && mayBeDone);
            }
        }

        bool IsAnotherToBeAsked(Endpoint follower)
        {
            (followers ??= []).Add(follower);
            return followers.Count < _endpoints.Count && Left() > leastTime;
        }

        TimeSpan Left() => timeout - _time.GetElapsedTime(start);

        // A server that says nothing at all leaves time for another one, if it may be asked.
        TimeSpan TimeOfAttempt(bool mayBeRepeated) => mayBeRepeated && timeout / 2 < Left() ? timeout / 2 : Left();
    }

    public async IAsyncEnumerable<WatchResponse> Watch(WatchCreateRequest request, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (var response in Stream(OpenWatch, new WatchRequest { CreateRequest = request }, cancellationToken).ConfigureAwait(false))
        {
            if (response.Canceled && _tokens.IsOutdated(response.CancelReason))
            {
                _tokens.Forget();
                throw Failures.OfWatch(response.CancelReason);
            }

            yield return response;
        }
    }

    public IAsyncEnumerable<SnapshotResponse> Snapshot(SnapshotRequest request, CancellationToken cancellationToken) =>
        Stream(
            static (endpoint, request, options) =>
            {
                var call = endpoint.Maintenance.Snapshot(request, options);
                return Task.FromResult<(IDisposable, IAsyncStreamReader<SnapshotResponse>)>((call, call.ResponseStream));
            },
            request,
            cancellationToken);

    public void Dispose() => _endpoints.Dispose();

    private async IAsyncEnumerable<TResponse> Stream<TRequest, TResponse>(
        Func<Endpoint, TRequest, CallOptions, Task<(IDisposable Call, IAsyncStreamReader<TResponse> Responses)>> open,
        TRequest request,
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var endpoint = _endpoints.Next(out _);
        IDisposable? call = null;
        try
        {
            Metadata? headers = null;
            IAsyncStreamReader<TResponse>? responses = null;
            while (true)
            {
                try
                {
                    if (responses is null)
                    {
                        headers = await _tokens.Headers(endpoint, _timeout, cancellationToken).ConfigureAwait(false);
                        (call, responses) = await open(endpoint, request, new CallOptions([.. headers, RequiresLeader], cancellationToken: cancellationToken)).ConfigureAwait(false);
                    }

                    if (!await responses.MoveNext(cancellationToken).ConfigureAwait(false))
                    {
                        yield break;
                    }
                }
                catch (Exception exception) when (exception is RpcException || IsOfWire(exception))
                {
                    cancellationToken.ThrowIfCancellationRequested();
                    throw Broken(endpoint, headers, exception);
                }

                _endpoints.Answered(endpoint);
                yield return responses.Current;
            }
        }
        finally
        {
            call?.Dispose();
        }
    }

    private static async Task<(IDisposable, IAsyncStreamReader<WatchResponse>)> OpenWatch(Endpoint endpoint, WatchRequest request, CallOptions options)
    {
        var call = endpoint.Watches.Watch(options);
        try
        {
            await call.RequestStream.WriteAsync(request).ConfigureAwait(false);
            return (call, call.ResponseStream);
        }
        catch
        {
            call.Dispose();
            throw;
        }
    }

    // A stream that is cut while its first request is on its way may end with what the wire said, not with a status.
    private static bool IsOfWire(Exception exception) => exception is IOException or HttpRequestException || exception is InvalidOperationException and not ObjectDisposedException;

    private GranaryException Broken(Endpoint endpoint, Metadata? headers, Exception exception)
    {
        if (exception is not RpcException answered)
        {
            _endpoints.Failed(endpoint);
            return new GranaryException(exception.Message, StatusCode.Unavailable, mayHaveHappened: false, exception);
        }

        if (_tokens.IsOutdated(answered) && headers is not null)
        {
            _tokens.Forget(headers);
        }
        else if (Failures.IsOfServer(answered) && headers is not null)
        {
            _endpoints.Failed(endpoint);
        }

        return Failures.Exception(answered, mayHaveHappened: false);
    }
}
