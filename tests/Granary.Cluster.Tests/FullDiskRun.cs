using System.Collections.Concurrent;
using Google.Protobuf;
using Grpc.Core;

namespace Granary.Cluster.Tests;

/// <summary>
/// A server under puts, deletions, leases, a watch, compactions, reads and snapshots while its disk fills and empties. Each writer has keys
/// of its own, and each value is unique, so that what must be there at the end is known.
/// </summary>
internal sealed class FullDiskRun(Server server, int seed, CancellationToken cancellationToken)
{
    private const int Writers = 4;
    private const int KeysOfWriter = 8;
    private const int ValueBytes = 100_000;

    private static readonly TimeSpan CallDeadline = TimeSpan.FromSeconds(20);

    private readonly ConcurrentDictionary<long, (ByteString Key, ByteString? Value)> _acknowledged = new();
    private readonly ConcurrentDictionary<long, List<Event>> _watched = new();

    // By key: what it has by the last answer, and what it may have instead, since a call went unanswered.
    private readonly ConcurrentDictionary<ByteString, (ByteString? Known, List<ByteString?> Possible)> _keys = new();
    private readonly CancellationTokenSource _ending = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
    private readonly CancellationTokenSource _written = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
    private readonly List<Task> _writers = [];
    private readonly List<Task> _tasks = [];
    private long _puts;
    private long _snapshots;
    private long _watchedTo;

    public long Puts => Interlocked.Read(ref _puts);

    public long Snapshots => Interlocked.Read(ref _snapshots);

    public long Lease { get; private set; }

    private KV.KVClient Kv => new(server.Channel);

    private CallOptions Options => new(deadline: DateTime.UtcNow + CallDeadline, cancellationToken: cancellationToken);

    public async Task Begin()
    {
        var leases = new Lease.LeaseClient(server.Channel);
        Lease = (await leases.LeaseGrantAsync(new LeaseGrantRequest { TTL = 600 }, Options)).ID;
        await Kv.PutAsync(new PutRequest { Key = Text("leased"), Value = Text("x"), Lease = Lease }, Options);

        var random = new Random(seed);
        var watching = new TaskCompletionSource();
        _tasks.Add(Task.Run(() => Watch(watching), CancellationToken.None));
        await watching.Task;
        for (var writer = 0; writer < Writers; writer++)
        {
            var (number, own) = (writer, new Random(random.Next()));
            _writers.Add(Task.Run(() => Write(number, own), CancellationToken.None));
        }

        _tasks.Add(Task.Run(KeepAlive, CancellationToken.None));
        _tasks.Add(Task.Run(Compact, CancellationToken.None));
        _tasks.Add(Task.Run(TakeSnapshots, CancellationToken.None));
    }

    public async Task End()
    {
        await _written.CancelAsync();
        await Task.WhenAll(_writers);
        await Eventually.Holds(
            "the watch has seen every acknowledged revision",
            () => Task.FromResult(Interlocked.Read(ref _watchedTo) >= _acknowledged.Keys.Max()), TimeSpan.FromSeconds(60), cancellationToken);
        await _ending.CancelAsync();
        await Task.WhenAll(_tasks);
    }

    /// <summary>Everything acknowledged is there, and was seen by the watch, once.</summary>
    public async Task Check()
    {
        foreach (var (key, (known, possible)) in _keys)
        {
            var answer = await Kv.RangeAsync(new RangeRequest { Key = key }, Options);
            var value = answer.Kvs.SingleOrDefault()?.Value;
            Assert.True(value == known || possible.Contains(value), $"{key.ToStringUtf8()} has another value than was written last");
        }

        foreach (var (revision, (key, value)) in _acknowledged)
        {
            Assert.True(_watched.TryGetValue(revision, out var events), $"the watch saw nothing of the acknowledged revision {revision}");
            var seen = Assert.Single(events);
            Assert.Equal(key, seen.Kv.Key);
            Assert.Equal(value is null ? Event.Types.EventType.Delete : Event.Types.EventType.Put, seen.Type);
            Assert.Equal(value ?? ByteString.Empty, seen.Kv.Value);
        }

        Assert.Equal(Lease, (await Kv.RangeAsync(new RangeRequest { Key = Text("leased") }, Options)).Kvs.Single().Lease);
    }

    private async Task Write(int writer, Random random)
    {
        var bytes = new byte[ValueBytes];
        while (!_written.IsCancellationRequested)
        {
            var key = Text($"k{writer}/{random.Next(KeysOfWriter)}");
            var delete = random.Next(4) == 0;
            random.NextBytes(bytes);
            ByteString? value = delete ? null : ByteString.CopyFrom(bytes);
            var (known, possible) = _keys.GetOrAdd(key, static _ => (null, []));
            try
            {
                var (revision, happened) = await Send(key, value);
                _keys[key] = (value, []);
                if (happened)
                {
                    Assert.True(_acknowledged.TryAdd(revision, (key, value)), $"revision {revision} was acknowledged twice");
                    Interlocked.Add(ref _puts, delete ? 0 : 1);
                }
            }
            catch (RpcException exception) when (exception.StatusCode == StatusCode.ResourceExhausted)
            {
                // Refused, so not done.
                Assert.Equal("etcdserver: mvcc: database space exceeded", exception.Status.Detail);
                await Task.Delay(10, cancellationToken);
            }
            catch (RpcException exception) when (exception.StatusCode is StatusCode.DeadlineExceeded or StatusCode.Unavailable)
            {
                _keys[key] = (known, [.. possible, value]);
            }
        }
    }

    private async Task<(long Revision, bool Happened)> Send(ByteString key, ByteString? value)
    {
        if (value is not null)
        {
            return ((await Kv.PutAsync(new PutRequest { Key = key, Value = value }, Options)).Header.Revision, true);
        }

        var deleted = await Kv.DeleteRangeAsync(new DeleteRangeRequest { Key = key }, Options);
        return (deleted.Header.Revision, deleted.Deleted > 0);
    }

    private async Task Watch(TaskCompletionSource watching)
    {
        using var call = new Watch.WatchClient(server.Channel).Watch(cancellationToken: _ending.Token);
        await call.RequestStream.WriteAsync(
            new WatchRequest { CreateRequest = new WatchCreateRequest { Key = Text("k"), RangeEnd = Text("l") } }, cancellationToken);
        try
        {
            await foreach (var response in call.ResponseStream.ReadAllAsync(_ending.Token))
            {
                watching.TrySetResult();
                Assert.False(response.Canceled, response.CancelReason);
                foreach (var @event in response.Events)
                {
                    _watched.GetOrAdd(@event.Kv.ModRevision, static _ => []).Add(@event);
                    Interlocked.Exchange(ref _watchedTo, @event.Kv.ModRevision);
                }
            }
        }
        catch (Exception exception) when (_ending.IsCancellationRequested && exception is RpcException or OperationCanceledException)
        {
        }
    }

    private Task KeepAlive() => Repeat(TimeSpan.FromMilliseconds(200), async () =>
    {
        using var call = new Lease.LeaseClient(server.Channel).LeaseKeepAlive(Options);
        await call.RequestStream.WriteAsync(new LeaseKeepAliveRequest { ID = Lease }, cancellationToken);
        Assert.True(await call.ResponseStream.MoveNext(cancellationToken));
        Assert.Equal(600, call.ResponseStream.Current.TTL);
    });

    private Task Compact() => Repeat(TimeSpan.FromMilliseconds(300), async () =>
    {
        // Well behind: the watch is not to be overtaken.
        var to = Interlocked.Read(ref _watchedTo) - 20;
        if (to > 1)
        {
            await Kv.CompactAsync(new CompactionRequest { Revision = to }, Options);
        }
    });

    private Task TakeSnapshots() => Repeat(TimeSpan.FromMilliseconds(500), async () =>
    {
        using var call = new Maintenance.MaintenanceClient(server.Channel).Snapshot(new SnapshotRequest(), Options);
        await foreach (var part in call.ResponseStream.ReadAllAsync(cancellationToken))
        {
            Assert.NotEqual(0, part.Blob.Length);
        }

        Interlocked.Increment(ref _snapshots);
    });

    // A full disk refuses some, or has them wait; nothing else may happen to them.
    private async Task Repeat(TimeSpan pause, Func<Task> action)
    {
        while (!_ending.IsCancellationRequested)
        {
            try
            {
                await action();
            }
            catch (RpcException exception) when (exception.StatusCode
                is StatusCode.ResourceExhausted or StatusCode.DeadlineExceeded or StatusCode.OutOfRange)
            {
            }

            await Task.Delay(pause, cancellationToken);
        }
    }

    private static ByteString Text(string text) => ByteString.CopyFromUtf8(text);
}
