using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using Granary.Nemesis.Tests.Histories;
using Grpc.Core;

namespace Granary.Nemesis.Tests;

/// <summary>Clients that do random calls on servers of one store, one after the other each, and write down what they did and saw.</summary>
internal sealed class Workload(IReadOnlyList<Server> servers, int seed)
{
    private const int KeyCount = 8;
    private const int Clients = 8;
    private const int Watchers = 2;

    // A client goes to the next server after so many calls, about: what one has answered the next one must know.
    private const int CallsPerServer = 10;

    private static readonly TimeSpan Ttl = TimeSpan.FromSeconds(5);

    // Between two calls of a client, and after one that failed: the servers are to be at work, not at their limit.
    private static readonly TimeSpan Breath = TimeSpan.FromMilliseconds(2);
    private static readonly TimeSpan LongBreath = TimeSpan.FromMilliseconds(50);

    private static readonly TimeSpan Generous = TimeSpan.FromSeconds(60);

    private readonly Requests _requests = new();
    private readonly ConcurrentBag<Call> _calls = [];
    private readonly ConcurrentBag<Watcher> _watchers = [];
    private readonly long _epoch = Stopwatch.GetTimestamp();
    private readonly long[] _told = new long[Watchers];
    private int _answered;

    /// <summary>Calls that were answered so far.</summary>
    public int Answered => Volatile.Read(ref _answered);

    /// <summary>Goes on until it is told to end. What is in flight then is finished, and whoever watches is told of everything.</summary>
    /// <exception cref="TimeoutException">Somebody who watches is not told of it.</exception>
    public async Task Run(CancellationToken ending)
    {
        using var observing = new CancellationTokenSource();
        var observers = Task.WhenAll(Enumerable.Range(0, Watchers).Select(watcher => Observe(watcher, observing.Token)));
        try
        {
            await Task.WhenAll(Enumerable.Range(0, Clients).Select(client => Call(client, ending)));
            var last = _calls.Max(static call => call.Answer?.Revision ?? 0);
            await Eventually.Holds(
                "all who watch are told of everything", () => Task.FromResult(observers.IsCompleted || _told.All(told => told >= last)), Generous, CancellationToken.None);
        }
        finally
        {
            await observing.CancelAsync();
            await observers;
        }
    }

    /// <summary>What all have seen, after <see cref="Run"/> has ended, with what the store says of itself.</summary>
    public async Task<History> Collect(CancellationToken cancellationToken)
    {
        using var channel = Channels.To(servers[0].Address);
        var all = await new KV.KVClient(channel).RangeAsync(Requests.Everything(), cancellationToken: cancellationToken);
        List<Change> log = [];
        await foreach (var response in Requests.Watch(channel, 1, cancellationToken))
        {
            // A lease may have ended since.
            log.AddRange(response.Where(change => change.Revision <= all.Header.Revision));
            if (response[^1].Revision >= all.Header.Revision)
            {
                break;
            }
        }

        return new History([.. _calls], log, [.. _watchers], Requests.Pairs(all));
    }

    private async Task Call(int client, CancellationToken ending)
    {
        var random = new Random(unchecked(seed + 1 + client));
        using var server = new RovingChannel(servers, client);
        var lease = 0L;
        var number = 0;
        Dictionary<string, long> known = [];
        while (!ending.IsCancellationRequested)
        {
            var operation = Next();
            if (random.Next(CallsPerServer) == 0)
            {
                server.MoveOn();
            }

            var start = Now;
            try
            {
                var answer = await _requests.Ask(server.Channel, operation);
                _calls.Add(new Call(client, operation, start, Now, answer));
                Interlocked.Increment(ref _answered);
                Learn(operation, answer);
                await Task.Delay(Breath, CancellationToken.None);
            }
            catch (RpcException)
            {
                _calls.Add(new Call(client, operation, start, TimeSpan.MaxValue, Answer: null));
                lease = 0;
                server.MoveOn();
                await Task.Delay(LongBreath, CancellationToken.None);
            }
        }

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

    // Watches from the first revision, and goes on behind the last one that it was told of whenever it is cut off.
    private async Task Observe(int watcher, CancellationToken ending)
    {
        List<IReadOnlyList<Change>> responses = [];
        using var server = new RovingChannel(servers, watcher);
        for (; !ending.IsCancellationRequested; server.MoveOn())
        {
            try
            {
                await foreach (var response in Requests.Watch(server.Channel, responses.Count == 0 ? 1 : responses[^1][^1].Revision + 1, ending))
                {
                    responses.Add(response);
                    Volatile.Write(ref _told[watcher], response[^1].Revision);
                }
            }
            catch (Exception exception) when (exception is RpcException or OperationCanceledException)
            {
                await Task.Delay(LongBreath, CancellationToken.None);
            }
        }

        _watchers.Add(new Watcher($"watcher {watcher}", 1, responses));
    }

    private TimeSpan Now => Stopwatch.GetElapsedTime(_epoch);

    private static string Key(int number) => string.Create(CultureInfo.InvariantCulture, $"key-{number}");
}
