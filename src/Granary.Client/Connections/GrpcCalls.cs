using System.Diagnostics;
using System.Runtime.CompilerServices;
using Granary.Protos;
using Grpc.Core;

namespace Granary.Client.Connections;

/// <summary>The calls of the API by gRPC.</summary>
internal sealed class GrpcCalls : ICalls
{
    // etcd ends a stream with this when its server has lost the others: it is resumed at another one.
    private static readonly Metadata.Entry RequiresLeader = new("hasleader", "true");

    private const string UnknownToken = "etcdserver: invalid auth token";

    // A token that was just got may be unknown to a server that has just joined; more often it is something else.
    private const int MaxRenewals = 3;

    private readonly Endpoints _endpoints;
    private readonly Tokens _tokens;
    private readonly TimeSpan _timeout;

    // Less is not worth an attempt: it would end by the deadline, and nobody would know what it has done.
    private readonly TimeSpan _leastTime;
    private readonly TimeProvider _time;

    public GrpcCalls(GranaryClientOptions options, TimeProvider time)
    {
        options.Validate();
        _endpoints = new Endpoints([.. options.Endpoints.Select(address => new Endpoint(address, options))], time);
        _tokens = new Tokens(options.UserName, options.Password);
        (_timeout, _leastTime, _time) = (options.CallTimeout, options.CallTimeout / 10, time);
    }

    public Task<RangeResponse> Range(RangeRequest request, CancellationToken cancellationToken) =>
        Ask("KV/Range", static (endpoint, request, options) => endpoint.KeyValues.RangeAsync(request, options).ResponseAsync, request, isRepeatable: true, cancellationToken);

    public Task<PutResponse> Put(PutRequest request, CancellationToken cancellationToken) =>
        Ask("KV/Put", static (endpoint, request, options) => endpoint.KeyValues.PutAsync(request, options).ResponseAsync, request, isRepeatable: false, cancellationToken);

    public Task<DeleteRangeResponse> DeleteRange(DeleteRangeRequest request, CancellationToken cancellationToken) =>
        Ask("KV/DeleteRange", static (endpoint, request, options) => endpoint.KeyValues.DeleteRangeAsync(request, options).ResponseAsync, request, isRepeatable: false, cancellationToken);

    public Task<TxnResponse> Txn(TxnRequest request, bool isRepeatable, CancellationToken cancellationToken) =>
        Ask("KV/Txn", static (endpoint, request, options) => endpoint.KeyValues.TxnAsync(request, options).ResponseAsync, request, isRepeatable, cancellationToken);

    public Task<CompactionResponse> Compact(CompactionRequest request, CancellationToken cancellationToken) =>
        Ask("KV/Compact", static (endpoint, request, options) => endpoint.KeyValues.CompactAsync(request, options).ResponseAsync, request, isRepeatable: false, cancellationToken);

    public Task<LeaseGrantResponse> LeaseGrant(LeaseGrantRequest request, CancellationToken cancellationToken) =>
        Ask("Lease/LeaseGrant", static (endpoint, request, options) => endpoint.Leases.LeaseGrantAsync(request, options).ResponseAsync, request, isRepeatable: true, cancellationToken);

    public Task<LeaseRevokeResponse> LeaseRevoke(LeaseRevokeRequest request, CancellationToken cancellationToken) =>
        Ask("Lease/LeaseRevoke", static (endpoint, request, options) => endpoint.Leases.LeaseRevokeAsync(request, options).ResponseAsync, request, isRepeatable: true, cancellationToken);

    public Task<LeaseTimeToLiveResponse> LeaseTimeToLive(LeaseTimeToLiveRequest request, CancellationToken cancellationToken) =>
        Ask("Lease/LeaseTimeToLive", static (endpoint, request, options) => endpoint.Leases.LeaseTimeToLiveAsync(request, options).ResponseAsync, request, isRepeatable: true, cancellationToken);

    public Task<LeaseLeasesResponse> LeaseLeases(LeaseLeasesRequest request, CancellationToken cancellationToken) =>
        Ask("Lease/LeaseLeases", static (endpoint, request, options) => endpoint.Leases.LeaseLeasesAsync(request, options).ResponseAsync, request, isRepeatable: true, cancellationToken);

    public Task<LeaseKeepAliveResponse> LeaseKeepAlive(LeaseKeepAliveRequest request, CancellationToken cancellationToken) =>
        Ask("Lease/LeaseKeepAlive", static (endpoint, request, options) => Renew(endpoint, request, options), request, isRepeatable: true, cancellationToken);

    public Task<StatusResponse> Status(StatusRequest request, CancellationToken cancellationToken) =>
        Ask("Maintenance/Status", static (endpoint, request, options) => endpoint.Maintenance.StatusAsync(request, options).ResponseAsync, request, isRepeatable: true, cancellationToken);

    public async IAsyncEnumerable<WatchResponse> Watch(WatchCreateRequest request, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (var response in Stream(OpenWatch, new WatchRequest { CreateRequest = request }, cancellationToken).ConfigureAwait(false))
        {
            if (response.Canceled && response.CancelReason.Contains(UnknownToken, StringComparison.Ordinal))
            {
                _tokens.Forget();
                throw new GranaryException(UnknownToken, StatusCode.Unauthenticated, mayHaveHappened: false);
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

    public ValueTask DisposeAsync()
    {
        _endpoints.Dispose();
        _tokens.Dispose();
        return ValueTask.CompletedTask;
    }

    private async Task<TResponse> Ask<TRequest, TResponse>(
        string method,
        Func<Endpoint, TRequest, CallOptions, Task<TResponse>> call,
        TRequest request,
        bool isRepeatable,
        CancellationToken cancellationToken)
    {
        using var activity = Telemetry.Source.StartActivity(method, ActivityKind.Client);
        var start = _time.GetTimestamp();
        var deadline = Deadline;
        var renewals = 0;
        for (var attempt = 1; ; attempt++)
        {
            var endpoint = _endpoints.Next(out var rest);
            if (attempt > 1 && rest > TimeSpan.Zero)
            {
                await Task.Delay(TimeSpan.FromTicks(Math.Clamp((Left() - _leastTime).Ticks, 0, rest.Ticks)), _time, cancellationToken).ConfigureAwait(false);
            }

            Metadata? headers = null;
            try
            {
                headers = await _tokens.Headers(endpoint, DeadlineOfAttempt(mayBeRepeated: true), cancellationToken).ConfigureAwait(false);
                var response = await call(endpoint, request, new CallOptions(headers, DeadlineOfAttempt(isRepeatable), cancellationToken)).ConfigureAwait(false);
                _endpoints.Answered(endpoint);
                Telemetry.Called(method, _time.GetElapsedTime(start), attempt, StatusCode.OK);
                return response;
            }
            catch (RpcException exception)
            {
                cancellationToken.ThrowIfCancellationRequested();
                if (headers is not null && _tokens.IsOutdated(exception) && ++renewals <= MaxRenewals)
                {
                    _tokens.Forget(headers);
                    continue;
                }

                var isSent = headers is not null && !Failures.IsSurelyNotSent(exception);
                if (Failures.IsOfServer(exception) || exception.StatusCode == StatusCode.DeadlineExceeded)
                {
                    _endpoints.Failed(endpoint);
                    if ((isRepeatable || !isSent) && Left() > _leastTime * 2)
                    {
                        continue;
                    }
                }

                activity?.SetStatus(ActivityStatusCode.Error, exception.Status.Detail);
                Telemetry.Called(method, _time.GetElapsedTime(start), attempt, exception.StatusCode);
                throw Failures.Exception(exception, isWrite: !isRepeatable && isSent);
            }
        }

        TimeSpan Left() => deadline - _time.GetUtcNow().UtcDateTime;

        // A server that says nothing at all leaves time for another one, if it may be asked.
        DateTime DeadlineOfAttempt(bool mayBeRepeated)
        {
            var half = Deadline - (_timeout / 2);
            return mayBeRepeated && half < deadline ? half : deadline;
        }
    }

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
                        headers = await _tokens.Headers(endpoint, Deadline, cancellationToken).ConfigureAwait(false);
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

    private static async Task<LeaseKeepAliveResponse> Renew(Endpoint endpoint, LeaseKeepAliveRequest request, CallOptions options)
    {
        using var call = endpoint.Leases.LeaseKeepAlive(options);
        try
        {
            await call.RequestStream.WriteAsync(request).ConfigureAwait(false);
            await call.RequestStream.CompleteAsync().ConfigureAwait(false);
            if (await call.ResponseStream.MoveNext(options.CancellationToken).ConfigureAwait(false))
            {
                return call.ResponseStream.Current;
            }
        }
        catch (Exception exception) when (IsOfWire(exception))
        {
            throw new RpcException(new Status(StatusCode.Unavailable, exception.Message, exception));
        }

        throw new RpcException(new Status(StatusCode.Unavailable, "The server has ended the stream without an answer."));
    }

    // A stream that is cut while its first request is on its way may end with what the wire said, not with a status.
    private static bool IsOfWire(Exception exception) => exception is IOException or HttpRequestException or InvalidOperationException;

    private DateTime Deadline => _time.GetUtcNow().UtcDateTime + _timeout;

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
        else if (Failures.IsOfServer(answered))
        {
            _endpoints.Failed(endpoint);
        }

        return Failures.Exception(answered, isWrite: false);
    }
}
