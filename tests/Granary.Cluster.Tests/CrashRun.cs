using System.Collections.Concurrent;
using Google.Protobuf;
using Grpc.Core;

namespace Granary.Cluster.Tests;

/// <summary>
/// One server under load that is killed with SIGKILL again and again. Every value that is ever written is unique to its attempt, and after
/// each restart every revision since the last check is read and compared with the one before it.
/// </summary>
internal sealed class CrashRun(Server server, int seed, bool compacting, CancellationToken cancellationToken)
{
    private const int Writers = 16;
    private const int Keys = 24;
    private const int KeptReads = 100;

    private readonly Random _random = new(seed);
    private readonly ConcurrentDictionary<long, Acknowledged> _acknowledged = new();

    // Where each unique value was seen to be written, over all rounds.
    private readonly Dictionary<ByteString, long> _written = [];

    // What the reader got lately, to be held against the history after the next restart; bounded by what a check can re-read.
    private readonly Queue<RangeResponse> _reads = new();
    private long _attempts;
    private long _checkedRevision = 1;
    private long _compacted = -1;

    private KV.KVClient Kv => new(server.Channel);

    /// <summary>Loads the server, kills it at a random moment, starts it again and checks what it kept.</summary>
    public async Task Round(Action? whileDown = null)
    {
        var enough = _random.Next(100, 1200);
        var before = _acknowledged.Count;
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var writers = Enumerable.Range(0, Writers).Select(writer => Write(writer, new Random(_random.Next()))).ToList();
        var compactor = compacting ? Compact(new Random(_random.Next())) : Task.CompletedTask;
        var reader = Read();
        await Eventually.Holds(
            $"{enough} writes are acknowledged", () => Task.FromResult(_acknowledged.Count >= before + enough), TimeSpan.FromSeconds(60), cancellationToken);
        await server.Kill(cancellationToken);
        await Task.WhenAll([.. writers, compactor, reader]);
        whileDown?.Invoke();
        await server.StartAgain(cancellationToken);
        await Check();
    }

    private async Task Write(int writer, Random random)
    {
        while (true)
        {
            try
            {
                var (request, expected) = Next(writer, random);
                var revision = request switch
                {
                    PutRequest put => (await Kv.PutAsync(put, cancellationToken: cancellationToken)).Header.Revision,
                    TxnRequest txn => (await Kv.TxnAsync(txn, cancellationToken: cancellationToken)).Header.Revision,
                    _ => await Deleted((DeleteRangeRequest)request),
                };
                if (revision > 0)
                {
                    Assert.True(_acknowledged.TryAdd(revision, expected), $"revision {revision} was acknowledged twice");
                }
            }
            catch (RpcException)
            {
                return;
            }
        }
    }

    private async Task<long> Deleted(DeleteRangeRequest request)
    {
        var answer = await Kv.DeleteRangeAsync(request, cancellationToken: cancellationToken);
        return answer.Deleted > 0 ? answer.Header.Revision : 0;
    }

    private (IMessage Request, Acknowledged Expected) Next(int writer, Random random)
    {
        var first = Key(random.Next(2) == 0 ? writer : random.Next(Keys));
        var value = Value();
        switch (random.Next(4))
        {
            case 0:
                return (new DeleteRangeRequest { Key = first }, new Acknowledged([(first, null)]));
            case 1:
                var second = Key(Keys + random.Next(Keys));
                var other = Value();
                var txn = new TxnRequest
                {
                    Success =
                    {
                        new RequestOp { RequestPut = new PutRequest { Key = first, Value = value } },
                        new RequestOp { RequestPut = new PutRequest { Key = second, Value = other } },
                    },
                };
                return (txn, new Acknowledged([(first, value), (second, other)]));
            default:
                return (new PutRequest { Key = first, Value = value }, new Acknowledged([(first, value)]));
        }

        ByteString Value() => ByteString.CopyFromUtf8($"{writer}/{Interlocked.Increment(ref _attempts)}");
    }

    private async Task Compact(Random random)
    {
        while (true)
        {
            try
            {
                var current = (await State(0)).Header.Revision;
                var to = current - random.Next(1, 50);
                if (to > _compacted)
                {
                    await Kv.CompactAsync(new CompactionRequest { Revision = to, Physical = random.Next(4) == 0 }, cancellationToken: cancellationToken);
                    _compacted = to;
                }
            }
            catch (RpcException)
            {
                return;
            }
        }
    }

    private async Task Read()
    {
        while (true)
        {
            try
            {
                var acknowledged = _acknowledged.Keys.DefaultIfEmpty(1).Max();
                var state = await State(0);
                Assert.True(state.Header.Revision >= acknowledged, $"a read began after revision {acknowledged} was acknowledged and got {state.Header.Revision}");
                Assert.All(state.Kvs, pair => Assert.True(pair.ModRevision <= state.Header.Revision));
                _reads.Enqueue(state);
                if (_reads.Count > KeptReads)
                {
                    _reads.Dequeue();
                }
            }
            catch (RpcException)
            {
                return;
            }
        }
    }

    private async Task CheckReads()
    {
        foreach (var read in _reads)
        {
            if (!compacting || await IsReadable(read.Header.Revision))
            {
                Assert.Equal(read.Kvs, (await State(read.Header.Revision)).Kvs);
            }
        }

        _reads.Clear();
    }

    private async Task Check()
    {
        var current = (await State(0)).Header.Revision;
        Assert.True(current >= _acknowledged.Keys.DefaultIfEmpty(1).Max(), $"revision {current} is below an acknowledged one");

        var from = _checkedRevision;
        if (compacting)
        {
            // A compaction whose answer was lost may have gone further than the last acknowledged one, so the first readable revision is searched.
            if (_compacted > 0)
            {
                var refused = await Assert.ThrowsAsync<RpcException>(() => State(_compacted - 1));
                Assert.Equal("etcdserver: mvcc: required revision has been compacted", refused.Status.Detail);
                await AlsoRefusedInTxn(_compacted - 1);
            }

            from = Math.Max(from, _compacted);
            while (from < current && !await IsReadable(from))
            {
                from++;
            }
        }

        var before = Pairs(await State(from));
        for (var revision = from + 1; revision <= current; revision++)
        {
            var after = Pairs(await State(revision));
            CheckRevision(revision, before, after);
            before = after;
        }

        _checkedRevision = current;
        await CheckReads();
    }

    private void CheckRevision(long revision, Dictionary<ByteString, KeyValue> before, Dictionary<ByteString, KeyValue> after)
    {
        var written = after.Values.Where(pair => pair.ModRevision == revision).ToList();
        var gone = before.Keys.Where(key => !after.ContainsKey(key)).ToList();
        Assert.True(written.Count + gone.Count > 0, $"revision {revision} changes nothing");
        foreach (var pair in written)
        {
            Assert.True(_written.TryAdd(pair.Value, revision) || _written[pair.Value] == revision, $"a value of revision {revision} was written before");
        }

        if (!_acknowledged.TryGetValue(revision, out var expected))
        {
            return;
        }

        foreach (var (key, value) in expected.Changes)
        {
            if (value is null)
            {
                Assert.Equal([key], gone);
            }
            else
            {
                Assert.True(after.TryGetValue(key, out var pair) && pair.ModRevision == revision, $"the acknowledged revision {revision} is not there");
                Assert.Equal(value, pair!.Value);
            }
        }

        Assert.Equal(expected.Changes.Count, written.Count + gone.Count);
    }

    private async Task AlsoRefusedInTxn(long revision)
    {
        var txn = new TxnRequest { Success = { new RequestOp { RequestRange = new RangeRequest { Key = Key(0), Revision = revision } }, new RequestOp { RequestPut = new PutRequest { Key = Key(0) } } } };
        var refused = await Assert.ThrowsAsync<RpcException>(async () => await Kv.TxnAsync(txn, cancellationToken: cancellationToken));
        Assert.Equal("etcdserver: mvcc: required revision has been compacted", refused.Status.Detail);
    }

    private async Task<bool> IsReadable(long revision)
    {
        try
        {
            await State(revision);
            return true;
        }
        catch (RpcException exception) when (exception.StatusCode == StatusCode.OutOfRange)
        {
            return false;
        }
    }

    private async Task<RangeResponse> State(long revision) => await Kv.RangeAsync(
        new RangeRequest { Key = ByteString.CopyFrom(0), RangeEnd = ByteString.CopyFrom(0), Revision = revision }, cancellationToken: cancellationToken);

    private static Dictionary<ByteString, KeyValue> Pairs(RangeResponse state) => state.Kvs.ToDictionary(pair => pair.Key);

    private static ByteString Key(int number) => ByteString.CopyFromUtf8($"key-{number}");

    /// <summary>What an acknowledged write changed; a key without a value was deleted.</summary>
    private sealed record Acknowledged(IReadOnlyList<(ByteString Key, ByteString? Value)> Changes);
}
