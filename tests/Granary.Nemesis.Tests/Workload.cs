using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using Google.Protobuf;
using Granary.Nemesis.Tests.Histories;
using Grpc.Core;
using Grpc.Net.Client;

namespace Granary.Nemesis.Tests;

/// <summary>Clients that do random calls on servers of one store, one after the other each, and write down what they did and saw.</summary>
internal sealed class Workload(IReadOnlyList<Server> servers, ulong seed)
{
    private const int KeyCount = 8;
    private const int Clients = 8;
    private const int Watchers = 2;

    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan Ttl = TimeSpan.FromSeconds(5);

    // Between two calls of a client, and after one that failed: the servers are to be at work, not at their limit.
    private static readonly TimeSpan Breath = TimeSpan.FromMilliseconds(2);
    private static readonly TimeSpan LongBreath = TimeSpan.FromMilliseconds(50);

    private readonly ConcurrentBag<Call> _calls = [];
    private readonly ConcurrentBag<Watcher> _watchers = [];
    private readonly long _epoch = Stopwatch.GetTimestamp();
    private int _answered;

    /// <summary>Calls that were answered so far.</summary>
    public int Answered => Volatile.Read(ref _answered);

    public int Count => _calls.Count;

    /// <summary>Goes on until it is told to end. What is in flight then is finished.</summary>
    public Task Run(CancellationToken ending) => Task.WhenAll(
        Enumerable.Range(0, Clients).Select(client => Call(client, ending)).Concat(Enumerable.Range(0, Watchers).Select(watcher => Observe(watcher, ending))));

    /// <summary>What all have seen, after <see cref="Run"/> has ended, with what the store says of itself.</summary>
    public async Task<History> Collect(CancellationToken cancellationToken)
    {
        using var channel = Channels.To(servers[0].Address);
        var all = await new KV.KVClient(channel).RangeAsync(Everything(), cancellationToken: cancellationToken);
        List<Change> log = [];
        await foreach (var response in Watch(channel, 1, cancellationToken))
        {
            log.AddRange(response);
            if (log[^1].Revision >= all.Header.Revision)
            {
                break;
            }
        }

        return new History([.. _calls], log, [.. _watchers], Pairs(all));
    }

    private async Task Call(int client, CancellationToken ending)
    {
        var random = new Random(HashCode.Combine(seed, client));
        var target = client;
        var channel = Channels.To(servers[target % servers.Count].Address);
        var lease = 0L;
        var number = 0;
        Dictionary<string, long> known = [];
        while (!ending.IsCancellationRequested)
        {
            var operation = Next();
            var start = Now;
            try
            {
                var answer = await Ask(channel, operation);
                _calls.Add(new Call(client, operation, start, Now, answer));
                Interlocked.Increment(ref _answered);
                Learn(operation, answer);
                await Task.Delay(Breath, CancellationToken.None);
            }
            catch (RpcException)
            {
                _calls.Add(new Call(client, operation, start, TimeSpan.MaxValue, Answer: null));
                lease = 0;
                target++;
                channel.Dispose();
                channel = Channels.To(servers[target % servers.Count].Address);
                await Task.Delay(LongBreath, CancellationToken.None);
            }
        }

        channel.Dispose();

        Operation Next()
        {
            var key = Key(random.Next(KeyCount));
            var value = string.Create(CultureInfo.InvariantCulture, $"{client}-{++number}");
            switch (random.Next(100))
            {
                case < 40:
                    return new Operation.Write([key], value);
                case < 48:
                    var first = random.Next(KeyCount - 1);
                    return new Operation.Write([Key(first), Key(first + 1)], value);
                case < 60:
                    return new Operation.Write([key], value, IfModRevision: known.GetValueOrDefault(key));
                case < 66:
                    return new Operation.Delete(key);
                case < 84:
                    return new Operation.Read(key);
                case < 88:
                    return new Operation.Read(null);
                case < 92:
                    return new Operation.Read(key, IsSerializable: true);
                case < 94 when lease != 0:
                    return new Operation.Write([$"leased-{client}"], value, lease);
                case < 99 when lease != 0:
                    return new Operation.Renew(lease, Ttl);
                default:
                    // The one before ends by itself.
                    lease = random.NextInt64(1, long.MaxValue);
                    return new Operation.Renew(lease, Ttl);
            }
        }

        void Learn(Operation operation, Answer answer)
        {
            switch (operation)
            {
                case Operation.Write { Lease: 0 } write when answer.HasSucceeded:
                    known[write.Keys[0]] = answer.Revision;
                    break;
                case Operation.Write { Lease: not 0 } or Operation.Renew when !answer.HasSucceeded:
                    lease = 0;
                    break;
                case Operation.Read { Key: { } key }:
                    known[key] = answer.Pairs.Count == 0 ? 0 : answer.Pairs[0].ModRevision;
                    break;
            }
        }
    }

    private readonly ConcurrentDictionary<long, byte> _granted = new();

    private async Task<Answer> Ask(GrpcChannel channel, Operation operation)
    {
        var kv = new KV.KVClient(channel);
        var deadline = DateTime.UtcNow + Deadline;
        switch (operation)
        {
            case Operation.Write { Keys.Count: 1, IfModRevision: null, Lease: 0 } write:
                var put = await kv.PutAsync(new PutRequest { Key = Bytes(write.Keys[0]), Value = Bytes(write.Value) }, deadline: deadline);
                return new Answer(put.Header.Revision, HasSucceeded: true, []);
            case Operation.Write write:
                var txn = new TxnRequest();
                txn.Success.AddRange(write.Keys.Select(key =>
                    new RequestOp { RequestPut = new PutRequest { Key = Bytes(key), Value = Bytes(write.Value), Lease = write.Lease } }));
                if (write.IfModRevision is { } revision)
                {
                    txn.Compare.Add(new Compare { Key = Bytes(write.Keys[0]), Target = Compare.Types.CompareTarget.Mod, Result = Compare.Types.CompareResult.Equal, ModRevision = revision });
                }

                var done = await kv.TxnAsync(txn, deadline: deadline);
                return new Answer(done.Header.Revision, done.Succeeded, []);
            case Operation.Delete delete:
                var deleted = await kv.DeleteRangeAsync(new DeleteRangeRequest { Key = Bytes(delete.Key) }, deadline: deadline);
                return new Answer(deleted.Header.Revision, deleted.Deleted > 0, []);
            case Operation.Read read:
                var range = read.Key is null ? Everything() : new RangeRequest { Key = Bytes(read.Key) };
                range.Serializable = read.IsSerializable;
                var found = await kv.RangeAsync(range, deadline: deadline);
                return new Answer(found.Header.Revision, HasSucceeded: true, Pairs(found));
            case Operation.Renew renew when _granted.TryAdd(renew.Lease, 0):
                var granted = await new Lease.LeaseClient(channel).LeaseGrantAsync(
                    new LeaseGrantRequest { ID = renew.Lease, TTL = (long)renew.Ttl.TotalSeconds }, deadline: deadline);
                return new Answer(granted.Header.Revision, HasSucceeded: true, []);
            case Operation.Renew renew:
                using (var renewal = new Lease.LeaseClient(channel).LeaseKeepAlive(deadline: deadline))
                {
                    await renewal.RequestStream.WriteAsync(new LeaseKeepAliveRequest { ID = renew.Lease });
                    await renewal.ResponseStream.MoveNext(CancellationToken.None);
                    return new Answer(renewal.ResponseStream.Current.Header.Revision, renewal.ResponseStream.Current.TTL > 0, []);
                }

            default:
                throw new InvalidOperationException($"Nobody asks for {operation}.");
        }
    }

    // Watches from the first revision, and goes on behind the last one that it was told of whenever it is cut off.
    private async Task Observe(int watcher, CancellationToken ending)
    {
        List<IReadOnlyList<Change>> responses = [];
        for (var target = watcher; !ending.IsCancellationRequested; target++)
        {
            using var channel = Channels.To(servers[target % servers.Count].Address);
            try
            {
                await foreach (var response in Watch(channel, responses.Count == 0 ? 1 : responses[^1][^1].Revision + 1, ending))
                {
                    responses.Add(response);
                }
            }
            catch (Exception exception) when (exception is RpcException or OperationCanceledException)
            {
                await Task.Delay(LongBreath, CancellationToken.None);
            }
        }

        _watchers.Add(new Watcher($"watcher {watcher}", 1, responses));
    }

    private static async IAsyncEnumerable<IReadOnlyList<Change>> Watch(
        GrpcChannel channel, long start, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using var watch = new Watch.WatchClient(channel).Watch(cancellationToken: cancellationToken);
        await watch.RequestStream.WriteAsync(
            new WatchRequest { CreateRequest = new WatchCreateRequest { Key = Zero, RangeEnd = Zero, StartRevision = start, PrevKv = true } }, cancellationToken);
        while (await watch.ResponseStream.MoveNext(cancellationToken))
        {
            var response = watch.ResponseStream.Current;
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

    private TimeSpan Now => Stopwatch.GetElapsedTime(_epoch);

    private static ByteString Zero { get; } = ByteString.CopyFrom(0);

    private static RangeRequest Everything() => new() { Key = Zero, RangeEnd = Zero };

    private static string Key(int number) => string.Create(CultureInfo.InvariantCulture, $"key-{number}");

    private static ByteString Bytes(string text) => ByteString.CopyFromUtf8(text);

    private static List<Pair> Pairs(RangeResponse response) =>
        [.. response.Kvs.Select(static pair => new Pair(pair.Key.ToStringUtf8(), pair.Value.ToStringUtf8(), pair.ModRevision))];
}
