using Google.Protobuf;
using Granary.Protos;
using Granary.Testing;
using Grpc.Core;

namespace Granary.Benchmarks.Load;

/// <summary>Watches that together are told of every key of a key space: one for each first digit, on a stream of its own. They count their events.</summary>
internal sealed class PrefixWatches : IAsyncDisposable
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(30);

    private readonly CancellationTokenSource _ending = new();
    private readonly List<AsyncDuplexStreamingCall<WatchRequest, WatchResponse>> _streams = [];
    private readonly List<Task> _reading = [];
    private long _events;

    private PrefixWatches()
    {
    }

    /// <summary>What they have been told so far.</summary>
    public long Events => Interlocked.Read(ref _events);

    /// <summary>Returns when the server has them all, so that they miss nothing that is written from then on.</summary>
    public static async Task<PrefixWatches> Open(Connection[] connections, KeySpace keys, CancellationToken cancellationToken)
    {
        var watches = new PrefixWatches();
        try
        {
            for (var number = 0; number < keys.Prefixes.Count; number++)
            {
                await watches.Add(connections[number % connections.Length], keys.Prefixes[number], cancellationToken);
            }

            return watches;
        }
        catch
        {
            await watches.DisposeAsync();
            throw;
        }
    }

    /// <summary>Waits until they have been told of so many updates.</summary>
    /// <exception cref="TimeoutException">They have not been, well after the load has ended.</exception>
    /// <exception cref="InvalidOperationException">One of them ended, or was told something twice.</exception>
    public Task HaveSeen(long updates, CancellationToken cancellationToken) => Eventually.Holds(
        $"the watches are told of all {updates} updates",
        async () =>
        {
            foreach (var ended in _reading.Where(static one => one.IsCompleted))
            {
                await ended;
            }

            return Events >= updates;
        },
        Deadline,
        cancellationToken);

    public async ValueTask DisposeAsync()
    {
        await _ending.CancelAsync();
        await Task.WhenAll(_reading).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _streams.ForEach(static stream => stream.Dispose());
        _ending.Dispose();
    }

    private async Task Add(Connection connection, ByteString prefix, CancellationToken cancellationToken)
    {
        var stream = connection.Watch.Watch(cancellationToken: _ending.Token);
        _streams.Add(stream);
        var create = new WatchCreateRequest { Key = prefix, RangeEnd = Behind(prefix) };
        await stream.RequestStream.WriteAsync(new WatchRequest { CreateRequest = create }, cancellationToken);
        if (!await stream.ResponseStream.MoveNext(cancellationToken) || !stream.ResponseStream.Current.Created)
        {
            throw new InvalidOperationException("A watch was not created.");
        }

        _reading.Add(Task.Run(() => Read(stream.ResponseStream), CancellationToken.None));
    }

    private async Task Read(IAsyncStreamReader<WatchResponse> responses)
    {
        var last = 0L;
        while (await responses.MoveNext(_ending.Token))
        {
            foreach (var told in responses.Current.Events)
            {
                // Each update has a revision of its own: what is told twice must not make up for what is not told at all.
                if (told.Kv.ModRevision <= last)
                {
                    throw new InvalidOperationException($"A watch was told of revision {told.Kv.ModRevision} behind {last}.");
                }

                last = told.Kv.ModRevision;
            }

            Interlocked.Add(ref _events, responses.Current.Events.Count);
        }

        throw new InvalidOperationException($"A watch ended: {responses.Current?.CancelReason}");
    }

    // No prefix of a key space ends in the last of all bytes.
    private static ByteString Behind(ByteString prefix) => ByteString.CopyFrom([.. prefix.Span[..^1], (byte)(prefix[^1] + 1)]);
}
