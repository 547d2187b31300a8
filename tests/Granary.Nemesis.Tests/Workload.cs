using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using Granary.Nemesis.Tests.Histories;
using Grpc.Core;
using Grpc.Net.Client;

namespace Granary.Nemesis.Tests;

/// <summary>Clients that do random calls on servers of one store, one after the other each, and write down what they did and saw.</summary>
internal sealed class Workload : IDisposable
{
    private const int KeyCount = 8;
    private const int Clients = 16;
    private const int Watchers = 2;
    private const int Locks = 4;
    private const int RestrictedKeys = 4;

    // How far back somebody reads, or has the history cut, at most.
    private const int RevisionsBack = 500;

    // A client goes to the next server after so many calls, about: what one has answered the next one must know.
    private const int CallsPerServer = 10;

    private static readonly TimeSpan Ttl = TimeSpan.FromSeconds(5);

    // Between two words of the administrator about a user, at most.
    private static readonly TimeSpan Permitted = TimeSpan.FromMilliseconds(400);

    // Between two calls of a client, and after one that failed: the servers are to be at work, not at their limit.
    private static readonly TimeSpan Breath = TimeSpan.FromMilliseconds(2);
    private static readonly TimeSpan LongBreath = TimeSpan.FromMilliseconds(50);

    private static readonly TimeSpan Generous = TimeSpan.FromSeconds(60);

    private readonly IReadOnlyList<Server> _servers;
    private readonly int _seed;
    private readonly Requests _requests;
    private readonly ConcurrentBag<Call> _calls = [];
    private readonly ConcurrentBag<Watcher> _watchers = [];
    private readonly long _epoch = Stopwatch.GetTimestamp();
    private readonly long[] _told = new long[Watchers];
    private int _answered;

    // Who is permitted what not everybody is, and then not.
    private string? _user;

    public Workload(IReadOnlyList<Server> servers, int seed)
    {
        (_servers, _seed) = (servers, seed);
        _requests = new Requests(Logins);
    }

    /// <summary>By which all calls are made. There is none before the workload runs.</summary>
    public Logins Logins { get; } = new();

    /// <summary>Calls that were answered so far.</summary>
    public int Answered => Volatile.Read(ref _answered);

    /// <summary>
    /// Goes on until it is told to end. What is in flight then is finished, and whoever watches is told of everything. Answers what all have seen,
    /// with what the store says of itself.
    /// </summary>
    /// <exception cref="TimeoutException">Somebody who watches is not told of it.</exception>
    public async Task<History> Run(CancellationToken ending)
    {
        using (var first = Channels.To(_servers[0].Address))
        {
            await Logins.Demand(first, Restricted(0), Restricted(RestrictedKeys));
        }

        using var observing = new CancellationTokenSource();
        var observers = Task.WhenAll(Enumerable.Range(0, Watchers).Select(watcher => Observe(watcher, observing.Token)));
        Answer? last = null;
        try
        {
            await Task.WhenAll([Administrate(ending), .. Enumerable.Range(0, Clients).Select(client => Call(client, ending))]);
            using var channel = Channels.To(_servers[0].Address);
            last = await AskUntilAnswered(channel, new Operation.Read(null));
            await Eventually.Holds(
                "all who watch are told of everything",
                () => Task.FromResult(observers.IsCompleted || _told.All(told => told >= last.Revision)),
                Generous,
                CancellationToken.None);
            _watchers.Add(await WatchWhatIsLeft(channel, last.Revision));
        }
        finally
        {
            await observing.CancelAsync();
            await observers;
        }

        // A lease may have ended since.
        var watchers = _watchers.Select(watcher => watcher with { Responses = [.. watcher.Responses.TakeWhile(response => response[^1].Revision <= last.Revision)] }).ToList();
        return new History([.. _calls], [.. watchers.First(static watcher => watcher.Start == 1).Responses.SelectMany(static response => response)], watchers, last.Pairs);
    }

    public void Dispose() => Logins.Dispose();

    private async Task<Watcher> WatchWhatIsLeft(GrpcChannel channel, long last)
    {
        var start = Math.Min(last, 1 + _calls.Select(static call => call.Operation).OfType<Operation.Compact>().Max(static compact => (long?)compact.Revision) ?? 0);
        List<IReadOnlyList<Change>> responses = [];
        using var patience = new CancellationTokenSource(Generous);
        await foreach (var response in _requests.Watch(channel, start, patience.Token))
        {
            responses.Add(response);
            if (response[^1].Revision >= last)
            {
                break;
            }
        }

        return new Watcher("who watches at the end", start, responses);
    }

    private async Task Call(int client, CancellationToken ending)
    {
        var random = new Random(unchecked(_seed + 1 + client));
        using var server = new RovingChannel(_servers, client);
        var lease = 0L;
        var number = 0;
        var newest = 1L;
        Operation.Lock? held = null;
        Dictionary<string, long> known = [];
        while (!ending.IsCancellationRequested)
        {
            var operation = Next();
            if (random.Next(CallsPerServer) == 0)
            {
                server.MoveOn();
            }

            if (await Do(client, operation, server) is { } answer)
            {
                Learn(operation, answer);
            }
            else
            {
                (lease, held) = (0, null);
            }
        }

        Operation Next()
        {
            var key = Key(random.Next(KeyCount));
            var value = string.Create(CultureInfo.InvariantCulture, $"{client}-{++number}");
            if (held is not null && random.Next(4) == 0)
            {
                return new Operation.Unlock(held);
            }

            switch (random.Next(200))
            {
                case < 64:
                    return new Operation.Write([key], value);
                case < 70 when Volatile.Read(ref _user) is { } user:
                    return new Operation.Write([Restricted(random.Next(RestrictedKeys))], value, User: user);
                case < 76 when Volatile.Read(ref _user) is { } user:
                    return new Operation.Read(Restricted(random.Next(RestrictedKeys)), User: user);
                case < 90:
                    var first = random.Next(KeyCount - 1);
                    return new Operation.Write([Key(first), Key(first + 1)], value);
                case < 114:
                    return new Operation.Write([key], value, IfModRevision: known.GetValueOrDefault(key));
                case < 126:
                    return new Operation.Delete(key);
                case < 160:
                    return new Operation.Read(key);
                case < 166:
                    return new Operation.Read(null);
                case < 174:
                    return new Operation.Read(key, IsSerializable: true);
                case < 182:
                    return new Operation.Read(random.Next(4) == 0 ? null : key, Revision: Math.Max(1, newest - random.Next(RevisionsBack)));
                case < 183:
                    // Who watches goes on behind what they were told of.
                    return new Operation.Compact(Math.Max(1, _told.Min() - random.Next(RevisionsBack)));
                case < 186 when lease != 0:
                    return new Operation.Write([$"leased-{client}"], value, lease);
                case < 190 when lease != 0 && held is null:
                    return new Operation.Lock(string.Create(CultureInfo.InvariantCulture, $"lock-{random.Next(Locks)}"), lease);
                case < 199 when lease != 0:
                    return new Operation.Renew(lease, Ttl);
                default:
                    // The one before ends by itself.
                    (lease, held) = (random.NextInt64(1, long.MaxValue), null);
                    return new Operation.Renew(lease, Ttl);
            }
        }

        void Learn(Operation operation, Answer answer)
        {
            newest = Math.Max(newest, answer.Revision);
            switch (operation)
            {
                case Operation.Write { Lease: 0 } write when answer.HasSucceeded:
                    known[write.Keys[0]] = answer.Revision;
                    break;
                case Operation.Write { Lease: not 0 } or Operation.Renew when !answer.HasSucceeded:
                    (lease, held) = (0, null);
                    break;
                case Operation.Lock wanted:
                    held = wanted;
                    break;
                case Operation.Unlock:
                    held = null;
                    break;
                case Operation.Read { Key: { } key, Revision: null }:
                    known[key] = answer.Pairs.Count == 0 ? 0 : answer.Pairs[0].ModRevision;
                    break;
            }
        }
    }

    // Watches from the first revision, and goes on behind the last one that it was told of whenever it is cut off.
    private async Task Observe(int watcher, CancellationToken ending)
    {
        List<IReadOnlyList<Change>> responses = [];
        using var server = new RovingChannel(_servers, watcher);
        for (; !ending.IsCancellationRequested; server.MoveOn())
        {
            try
            {
                await foreach (var response in _requests.Watch(server.Channel, responses.Count == 0 ? 1 : responses[^1][^1].Revision + 1, ending))
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

    // Permits a user something and takes it from them in turns. After a call without an answer there is no telling what they may: the next one's turn.
    private async Task Administrate(CancellationToken ending)
    {
        var random = new Random(_seed);
        using var server = new RovingChannel(_servers, 0);
        for (var number = 1; !ending.IsCancellationRequested; number++)
        {
            var user = string.Create(CultureInfo.InvariantCulture, $"user-{number}");
            try
            {
                await Logins.Add(server.Channel, user, DateTime.UtcNow + Requests.Deadline);
            }
            catch (RpcException)
            {
                server.MoveOn();
                await Task.Delay(LongBreath, CancellationToken.None);
                continue;
            }

            Volatile.Write(ref _user, user);
            for (var isPermitted = true; !ending.IsCancellationRequested && await Do(Clients, new Operation.Permit(user, isPermitted), server) is not null; isPermitted = !isPermitted)
            {
                await Task.Delay(Permitted * random.NextDouble(), CancellationToken.None);
            }
        }
    }

    // Null when there was no answer.
    private async Task<Answer?> Do(int client, Operation operation, RovingChannel server)
    {
        var start = Now;
        try
        {
            var answer = await _requests.Ask(server.Channel, operation);
            _calls.Add(new Call(client, operation, start, Now, answer));
            Interlocked.Increment(ref _answered);
            await Task.Delay(Breath, CancellationToken.None);
            return answer;
        }
        catch (RpcException)
        {
            _calls.Add(new Call(client, operation, start, TimeSpan.MaxValue, Answer: null));
            server.MoveOn();
            await Task.Delay(LongBreath, CancellationToken.None);
            return null;
        }
    }

    private async Task<Answer> AskUntilAnswered(GrpcChannel channel, Operation operation)
    {
        Answer? answer = null;
        await Eventually.Holds(
            $"{operation} is answered",
            async () =>
            {
                try
                {
                    answer = await _requests.Ask(channel, operation);
                    return true;
                }
                catch (RpcException)
                {
                    return false;
                }
            },
            Generous,
            CancellationToken.None);
        return answer!;
    }

    private TimeSpan Now => Stopwatch.GetElapsedTime(_epoch);

    private static string Restricted(int number) => string.Create(CultureInfo.InvariantCulture, $"restricted-{number}");

    private static string Key(int number) => string.Create(CultureInfo.InvariantCulture, $"key-{number}");
}
