using System.Diagnostics;
using System.Globalization;
using Google.Protobuf;
using Granary.Benchmarks.Load;
using Granary.Benchmarks.Reports;
using Granary.Protos;
using Granary.Testing;
using Grpc.Core;
using HdrHistogram;

namespace Granary.Benchmarks.Comparisons;

/// <summary>
/// When leases end, as a client that watches their keys sees it: many of 5 to 60 s, kept alive until all of them live and then a last
/// time each, beside puts. A lease's time is counted from when its last acknowledged renewal was sent, so what is early is early
/// beyond doubt, and lateness is told with the client's and the network's own.
/// </summary>
internal sealed class LeaseLateness(int leases, int putsPerSecond, Report report)
{
    private const int ShortestTtlSeconds = 5;
    private const int LongestTtlSeconds = 60;
    private const int Connections = 10;
    private const int Streams = 10;
    private const int CreatingClients = 64;
    private const int Seed = 1;

    private static readonly TimeSpan LastRenewalsWithin = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan SweepInterval = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan GivenUpAfter = TimeSpan.FromMinutes(3);

    private readonly One[] _leases = [.. new Random(Seed).GetItems(Enumerable.Range(ShortestTtlSeconds, LongestTtlSeconds - ShortestTtlSeconds + 1).ToArray(), leases)
        .Select(static ttl => new One(ttl))];

    private volatile bool _allLive;

    /// <summary>Measures one server; returns how many keys went early.</summary>
    public async Task<int> Run(Product product, CancellationToken cancellationToken)
    {
        await using var server = await Server.Start(product, cancellationToken);
        var connections = Connection.Open(new Uri(server.Address), Connections);
        using var done = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        try
        {
            var streams = Enumerable.Range(0, Streams).Select(i => connections[i % Connections].Lease.LeaseKeepAlive(cancellationToken: done.Token)).ToArray();
            var acknowledging = streams.Select(stream => Task.Run(() => Acknowledge(stream, done.Token), CancellationToken.None)).ToArray();
            var renewing = Task.Run(() => Renew(streams, done.Token), CancellationToken.None);
            using var watch = connections[0].Watch.Watch(cancellationToken: cancellationToken);
            await watch.RequestStream.WriteAsync(
                new WatchRequest { CreateRequest = new WatchCreateRequest { Key = Key(""), RangeEnd = ByteString.CopyFromUtf8("lease0"), Filters = { WatchCreateRequest.Types.FilterType.Noput } } },
                cancellationToken);
            await watch.ResponseStream.MoveNext(cancellationToken);
            var gone = Task.Run(() => Watch(watch, cancellationToken), CancellationToken.None);

            var next = -1;
            await Task.WhenAll(Enumerable.Range(0, CreatingClients).Select(client => Task.Run(
                async () =>
                {
                    for (var i = Interlocked.Increment(ref next); i < leases; i = Interlocked.Increment(ref next))
                    {
                        await Create(connections[client % Connections], i, cancellationToken);
                    }
                },
                cancellationToken)));
            var live = _leases.Count(static one => one.GoneAt == 0);
            await Console.Error.WriteLineAsync($"{product}: {live} leases live");
            var random = new Random(Seed);
            var now = Stopwatch.GetTimestamp();
            foreach (var one in _leases)
            {
                one.LastRenewal = now + (long)(random.NextDouble() * LastRenewalsWithin.TotalSeconds * Stopwatch.Frequency);
            }

            _allLive = true;
            var others = OthersCpu.Watch(server.ProcessId);
            var putting = Put(connections, done.Token);
            await gone.WaitAsync(GivenUpAfter, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await done.CancelAsync();
            await Task.WhenAll([putting, renewing, .. acknowledging]).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            return Tell(product, live, await putting, others.Share());
        }
        finally
        {
            Array.ForEach(connections, connection => connection.Dispose());
        }
    }

    private async Task Create(Connection connection, int i, CancellationToken cancellationToken)
    {
        var one = _leases[i];
        var sent = Stopwatch.GetTimestamp();
        await connection.Lease.LeaseGrantAsync(new LeaseGrantRequest { ID = i + 1, TTL = one.TtlSeconds }, cancellationToken: cancellationToken);
        one.RenewedAt = sent;
        await connection.Kv.PutAsync(new PutRequest { Key = Key(i.ToString("D6", CultureInfo.InvariantCulture)), Lease = i + 1 }, cancellationToken: cancellationToken);
        one.NextRenewal = sent + one.Ticks / 3;
    }

    /// <summary>Sends what is due: a third of the time to live after the one before, and once all live, a last one at its own time.</summary>
    private async Task Renew(AsyncDuplexStreamingCall<LeaseKeepAliveRequest, LeaseKeepAliveResponse>[] streams, CancellationToken cancellationToken)
    {
        using var timer = new PeriodicTimer(SweepInterval);
        while (await timer.WaitForNextTickAsync(cancellationToken))
        {
            for (var i = 0; i < leases; i++)
            {
                var one = _leases[i];
                var now = Stopwatch.GetTimestamp();
                if (one.NextRenewal == 0 || one.SentAt != 0 || one.IsLast)
                {
                    continue;
                }

                one.IsLast = _allLive && now >= one.LastRenewal;
                if (one.IsLast || now >= one.NextRenewal)
                {
                    one.SentAt = now;
                    one.NextRenewal = now + one.Ticks / 3;
                    await streams[i % Streams].RequestStream.WriteAsync(new LeaseKeepAliveRequest { ID = i + 1 }, cancellationToken);
                }
            }
        }
    }

    private async Task Acknowledge(AsyncDuplexStreamingCall<LeaseKeepAliveRequest, LeaseKeepAliveResponse> stream, CancellationToken cancellationToken)
    {
        while (await stream.ResponseStream.MoveNext(cancellationToken))
        {
            var one = _leases[stream.ResponseStream.Current.ID - 1];
            if (stream.ResponseStream.Current.TTL > 0)
            {
                one.RenewedAt = one.SentAt;
                one.SentAt = 0;
            }
        }
    }

    private async Task Watch(AsyncDuplexStreamingCall<WatchRequest, WatchResponse> watch, CancellationToken cancellationToken)
    {
        for (var left = leases; left > 0 && await watch.ResponseStream.MoveNext(cancellationToken);)
        {
            var now = Stopwatch.GetTimestamp();
            foreach (var change in watch.ResponseStream.Current.Events)
            {
                _leases[int.Parse(change.Kv.Key.Span["lease/".Length..], CultureInfo.InvariantCulture)].GoneAt = now;
                left--;
            }
        }
    }

    /// <summary>An open loop until cancelled; returns what was put a second.</summary>
    private async Task<double> Put(Connection[] connections, CancellationToken cancellationToken)
    {
        var value = ByteString.CopyFrom(new byte[256]);
        var running = new Queue<Task>();
        var begin = Stopwatch.GetTimestamp();
        var put = 0;
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(1));
        while (!cancellationToken.IsCancellationRequested)
        {
            for (var due = (int)(Stopwatch.GetElapsedTime(begin).TotalSeconds * putsPerSecond); put < due; put++)
            {
                running.Enqueue(connections[put % Connections].Kv.PutAsync(
                    new PutRequest { Key = ByteString.CopyFromUtf8($"put/{put % 10_000}"), Value = value }, cancellationToken: CancellationToken.None).ResponseAsync);
            }

            while (running.TryPeek(out var oldest) && (oldest.IsCompleted || running.Count > putsPerSecond))
            {
                await running.Dequeue();
            }

            await timer.WaitForNextTickAsync(CancellationToken.None);
        }

        var elapsed = Stopwatch.GetElapsedTime(begin);
        await Task.WhenAll(running);
        return put / elapsed.TotalSeconds;
    }

    private int Tell(Product product, int live, double putsPerSecondReached, double othersCpuShare)
    {
        var lateness = new LongHistogram(1, 600_000_000, 3);
        var early = 0;
        var still = 0;
        foreach (var one in _leases)
        {
            var late = one.GoneAt - (one.RenewedAt + one.Ticks);
            early += one.GoneAt != 0 && late < 0 ? 1 : 0;
            still += one.GoneAt == 0 ? 1 : 0;
            if (one.GoneAt != 0 && late >= 0)
            {
                lateness.RecordValue(Math.Max(1, late * 1_000_000 / Stopwatch.Frequency));
            }
        }

        report.Output.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"| {product} | {live} | {putsPerSecondReached:F0} | {early} | {lateness.GetValueAtPercentile(50) / 1000.0:F1} | {lateness.GetValueAtPercentile(99) / 1000.0:F1} | {lateness.GetMaxValue() / 1000.0:F1} | {still} | {100 * othersCpuShare:F0} |"));
        return early;
    }

    private static ByteString Key(string name) => ByteString.CopyFromUtf8("lease/" + name);

    /// <summary>One lease as the client knows it; moments are timestamps, 0 for never.</summary>
    private sealed class One(int ttlSeconds)
    {
        private long _nextRenewal;
        private long _sentAt;

        public int TtlSeconds => ttlSeconds;

        public long Ticks => ttlSeconds * Stopwatch.Frequency;

        /// <summary>When the last acknowledged renewal, or the grant, was sent.</summary>
        public long RenewedAt { get; set; }

        /// <summary>When the renewal was sent that is not acknowledged yet.</summary>
        public long SentAt
        {
            get => Volatile.Read(ref _sentAt);
            set => Volatile.Write(ref _sentAt, value);
        }

        public long NextRenewal
        {
            get => Volatile.Read(ref _nextRenewal);
            set => Volatile.Write(ref _nextRenewal, value);
        }

        /// <summary>When it is renewed for the last time.</summary>
        public long LastRenewal { get; set; }

        public bool IsLast { get; set; }

        public long GoneAt { get; set; }
    }
}
