using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using Google.Protobuf;
using Granary.Nemesis.Tests.Histories;
using Granary.Protos.Concurrency;
using Grpc.Core;
using Grpc.Net.Client;
using LockService = Granary.Protos.Concurrency.Lock;

namespace Granary.Nemesis.Tests;

/// <summary>What a history speaks of, as calls of the API.</summary>
internal sealed class Requests(Logins logins)
{
    public static readonly TimeSpan Deadline = TimeSpan.FromSeconds(2);

    // Leases that were asked for once: the next time they are renewed.
    private readonly ConcurrentDictionary<long, byte> _granted = new();

    private static ByteString Zero { get; } = ByteString.CopyFrom(0);

    public static ByteString Bytes(string text) => ByteString.CopyFromUtf8(text);

    private static RangeRequest Everything() => new() { Key = Zero, RangeEnd = Zero };

    private static List<Pair> Pairs(RangeResponse response) =>
        [.. response.Kvs.Select(static pair => new Pair(pair.Key.ToStringUtf8(), pair.Value.ToStringUtf8(), pair.ModRevision))];

    /// <exception cref="RpcException">There is no answer; what was asked may be done or not.</exception>
    public async Task<Answer> Ask(GrpcChannel channel, Operation operation)
    {
        var user = operation.RestrictedUser ?? Logins.Root;
        var headers = logins.Of(user);
        try
        {
            return await Ask(channel, operation, headers);
        }
        catch (RpcException exception) when (exception.StatusCode == StatusCode.PermissionDenied)
        {
            return user == Logins.Root
                ? throw new InvalidOperationException($"Who may do everything was refused {operation}: {exception.Status}", exception)
                : new Answer(0, HasSucceeded: false, []);
        }
        catch (RpcException exception) when (exception.StatusCode == StatusCode.Unauthenticated)
        {
            await logins.Renew(channel, user, headers);
            throw;
        }
    }

    private async Task<Answer> Ask(GrpcChannel channel, Operation operation, Metadata headers)
    {
        var kv = new KV.KVClient(channel);
        var deadline = DateTime.UtcNow + Deadline;
        switch (operation)
        {
            case Operation.Permit { IsPermitted: true } permit:
                var given = await new Auth.AuthClient(channel).UserGrantRoleAsync(new AuthUserGrantRoleRequest { User = permit.User, Role = Logins.Role }, headers, deadline);
                return new Answer(given.Header.Revision, HasSucceeded: true, []);
            case Operation.Permit permit:
                var taken = await new Auth.AuthClient(channel).UserRevokeRoleAsync(new AuthUserRevokeRoleRequest { Name = permit.User, Role = Logins.Role }, headers, deadline);
                return new Answer(taken.Header.Revision, HasSucceeded: true, []);
            case Operation.Write { Keys.Count: 1, IfModRevision: null, Lease: 0 } write:
                var put = await kv.PutAsync(new PutRequest { Key = Bytes(write.Keys[0]), Value = Bytes(write.Value) }, headers, deadline);
                return new Answer(put.Header.Revision, HasSucceeded: true, []);
            case Operation.Write write:
                var txn = new TxnRequest();
                txn.Success.AddRange(write.Keys.Select(key =>
                    new RequestOp { RequestPut = new PutRequest { Key = Bytes(key), Value = Bytes(write.Value), Lease = write.Lease } }));
                if (write.IfModRevision is { } revision)
                {
                    txn.Compare.Add(new Compare { Key = Bytes(write.Keys[0]), Target = Compare.Types.CompareTarget.Mod, Result = Compare.Types.CompareResult.Equal, ModRevision = revision });
                }

                var done = await kv.TxnAsync(txn, headers, deadline);
                return new Answer(done.Header.Revision, done.Succeeded, []);
            case Operation.Delete delete:
                var deleted = await kv.DeleteRangeAsync(new DeleteRangeRequest { Key = Bytes(delete.Key) }, headers, deadline);
                return new Answer(deleted.Header.Revision, deleted.Deleted > 0, []);
            case Operation.Read read:
                var range = read.Key is null ? Everything() : new RangeRequest { Key = Bytes(read.Key) };
                range.Serializable = read.IsSerializable;
                range.Revision = read.Revision ?? 0;
                return await UnlessCompacted(async () =>
                {
                    var found = await kv.RangeAsync(range, headers, deadline);
                    return new Answer(found.Header.Revision, HasSucceeded: true, Pairs(found));
                });
            case Operation.Compact compact:
                return await UnlessCompacted(async () =>
                {
                    var compacted = await kv.CompactAsync(new CompactionRequest { Revision = compact.Revision }, headers, deadline);
                    return new Answer(compacted.Header.Revision, HasSucceeded: true, []);
                });
            case Operation.Lock wanted:
                var locked = await new LockService.LockClient(channel).LockAsync(
                    new LockRequest { Name = Bytes(wanted.Name), Lease = wanted.Lease }, headers, deadline);
                return new Answer(locked.Header.Revision, HasSucceeded: true, []);
            case Operation.Unlock unlock:
                var freed = await new LockService.LockClient(channel).UnlockAsync(new UnlockRequest { Key = Bytes(unlock.Held.Key) }, headers, deadline);
                return new Answer(freed.Header.Revision, HasSucceeded: true, []);
            case Operation.Renew renew when _granted.TryAdd(renew.Lease, 0):
                var granted = await new Lease.LeaseClient(channel).LeaseGrantAsync(
                    new LeaseGrantRequest { ID = renew.Lease, TTL = (long)renew.Ttl.TotalSeconds }, headers, deadline);
                return new Answer(granted.Header.Revision, HasSucceeded: true, []);
            case Operation.Renew renew:
                using (var renewal = new Lease.LeaseClient(channel).LeaseKeepAlive(headers, deadline))
                {
                    await Send(renewal.RequestStream, new LeaseKeepAliveRequest { ID = renew.Lease });
                    await renewal.ResponseStream.MoveNext(CancellationToken.None);
                    return new Answer(renewal.ResponseStream.Current.Header.Revision, renewal.ResponseStream.Current.TTL > 0, []);
                }

            default:
                throw new InvalidOperationException($"Nobody asks for {operation}.");
        }
    }

    /// <summary>The events of all keys from a revision on, a response at a time.</summary>
    /// <exception cref="RpcException">The stream has ended.</exception>
    public async IAsyncEnumerable<IReadOnlyList<Change>> Watch(
        GrpcChannel channel, long start, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var headers = logins.Of(Logins.Root);
        using var watch = new Watch.WatchClient(channel).Watch(headers, cancellationToken: cancellationToken);
        await Send(
            watch.RequestStream,
            new WatchRequest { CreateRequest = new WatchCreateRequest { Key = Zero, RangeEnd = Zero, StartRevision = start, PrevKv = true } });
        while (await watch.ResponseStream.MoveNext(cancellationToken))
        {
            var response = watch.ResponseStream.Current;
            if (response.Canceled && response.CancelReason.Contains("invalid auth token", StringComparison.Ordinal))
            {
                await logins.Renew(channel, Logins.Root, headers);
                yield break;
            }

            if (response.Canceled)
            {
                throw new InvalidOperationException($"A watch was canceled: {response}");
            }

            if (response.Events.Count > 0)
            {
                yield return [.. response.Events.Select(static told => new Change(
                    told.Kv.ModRevision,
                    told.Kv.Key.ToStringUtf8(),
                    told.Type == Event.Types.EventType.Delete ? null : told.Kv.Value.ToStringUtf8(),
                    told.PrevKv?.Value.ToStringUtf8()))];
            }
        }
    }

    // A connection that is cut while the first request of a stream is on its way ends some writes with what the wire said, not with a status.
    private static async Task Send<T>(IClientStreamWriter<T> requests, T request)
    {
        try
        {
            await requests.WriteAsync(request);
        }
        catch (Exception exception) when (exception is IOException or HttpRequestException)
        {
            throw new RpcException(new Status(StatusCode.Unavailable, exception.Message, exception));
        }
    }

    // A revision that was told and is not known is no answer that may be given: it is no RpcException, and ends the run.
    private static async Task<Answer> UnlessCompacted(Func<Task<Answer>> ask)
    {
        try
        {
            return await ask();
        }
        catch (RpcException exception) when (exception.Status.Detail.Contains("required revision has been compacted", StringComparison.Ordinal))
        {
            return new Answer(0, HasSucceeded: false, []);
        }
        catch (RpcException exception) when (exception.StatusCode == StatusCode.OutOfRange)
        {
            throw new InvalidOperationException($"A revision that was told is not known: {exception.Status}", exception);
        }
    }
}
