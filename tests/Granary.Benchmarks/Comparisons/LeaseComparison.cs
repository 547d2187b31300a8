using System.Diagnostics;
using System.Globalization;
using Google.Protobuf;
using Granary.Benchmarks.Load;
using Granary.Protos;
using Granary.Testing;
using Grpc.Core;

namespace Granary.Benchmarks.Comparisons;

/// <summary>
/// Leases at etcd and Granary in turn, each time at a fresh server: how fast they are granted, kept alive and revoked, what they
/// cost in memory, and how long others wait while one with many keys goes.
/// </summary>
internal sealed class LeaseComparison(CompareOptions options, TextWriter output)
{
    private const int Clients = 100;
    private const int Connections = 10;
    private const int KeptAliveLeases = 10_000;
    private const int KeepAliveStreams = 20;

    // Requests that are under way on one stream.
    private const int KeepAliveWindow = 200;
    private const int LeasesInMemory = 100_000;
    private const int KeysOfOneLease = 100_000;
    private const int KeysPerTxn = 100;

    // Longer than all that is measured.
    private const long TtlSeconds = 3600;

    private static readonly WriteOptions Buffered = new(WriteFlags.BufferHint);
    private static readonly WriteOptions Sent = new();

    public async Task Run(CancellationToken cancellationToken)
    {
        var etcd = new List<Figures>();
        var granary = new List<Figures>();
        for (var round = 0; round < options.Rounds; round++)
        {
            etcd.Add(await Measure(Product.Etcd, cancellationToken));
            granary.Add(await Measure(Product.Granary, cancellationToken));
        }

        output.WriteLine("### Leases");
        var table = new ComparisonTable(output);
        Row($"grants/s, {Clients} clients", "F0", f => f.Grants.PerSecond);
        Row("server CPU, µs/grant", "F1", f => f.Grants.ServerCpuMicroseconds);
        Row($"keep-alives/s, {KeptAliveLeases} leases on {KeepAliveStreams} streams", "F0", f => f.KeepAlives.PerSecond);
        Row("server CPU, µs/keep-alive", "F1", f => f.KeepAlives.ServerCpuMicroseconds);
        Row($"revokes/s, {Clients} clients", "F0", f => f.Revokes.PerSecond);
        Row("server CPU, µs/revoke", "F1", f => f.Revokes.ServerCpuMicroseconds);
        Row($"RSS of a fresh server with {LeasesInMemory} leases, MB", "F0", f => f.RssMegabytes);
        Row("bytes more per lease", "F0", f => f.BytesPerLease);
        Row($"revoking a lease of {KeysOfOneLease} keys, ms", "F0", f => f.Huge.Revoking);
        Row("slowest put meanwhile, ms", "F0", f => f.Huge.SlowestPut);
        Row($"deleting {KeysOfOneLease} keys by one range, ms", "F0", f => f.HugeDelete.Revoking);
        Row("slowest put meanwhile, ms", "F0", f => f.HugeDelete.SlowestPut);
        Row("CPU used by others, %", "F0", f => 100 * f.OthersCpuShare);
        output.WriteLine();

        void Row(string name, string format, Func<Figures, double> figure) => table.Row(name, format, Median.Of(etcd, figure), Median.Of(granary, figure));
    }

    private async Task<Figures> Measure(Product product, CancellationToken cancellationToken)
    {
        var (rss, perLease) = await Memory(product, cancellationToken);
        await using var server = await Server.Start(product, cancellationToken);
        var connections = Connection.Open(new Uri(server.Address), Connections);
        var others = OthersCpu.Watch(server.ProcessId);
        try
        {
            // Both runtimes are warm before anything is told.
            await Revoke(connections, (await Grant(connections, options.Warmup / 3, server.ProcessId, cancellationToken)).Leases, server.ProcessId, cancellationToken);
            var kept = await GrantMany(connections, KeptAliveLeases, cancellationToken);
            await KeepAlive(connections, kept, options.Warmup, server.ProcessId, cancellationToken);

            var keepAlives = await KeepAlive(connections, kept, options.Duration, server.ProcessId, cancellationToken);
            var (grants, granted) = await Grant(connections, options.Duration, server.ProcessId, cancellationToken);
            var revokes = await Revoke(connections, granted, server.ProcessId, cancellationToken);

            // The first one is for the runtimes to be warm.
            await Huge(connections, RevokeLease, cancellationToken);
            var huge = await Huge(connections, RevokeLease, cancellationToken);
            var hugeDelete = await Huge(connections, DeleteKeys, cancellationToken);
            var figures = new Figures(grants, keepAlives, revokes, rss, perLease, huge, hugeDelete, others.Share());
            await Console.Error.WriteLineAsync($"{product}: {figures}");
            return figures;
        }
        finally
        {
            Array.ForEach(connections, connection => connection.Dispose());
        }
    }

    private static async Task<(double RssMegabytes, double BytesPerLease)> Memory(Product product, CancellationToken cancellationToken)
    {
        await using var server = await Server.Start(product, cancellationToken);
        var connections = Connection.Open(new Uri(server.Address), Connections);
        await GrantMany(connections, 1000, cancellationToken);
        var before = await ProcessSample.SettledRssBytes(server.ProcessId, cancellationToken);
        await GrantMany(connections, LeasesInMemory, cancellationToken);
        var after = await ProcessSample.SettledRssBytes(server.ProcessId, cancellationToken);
        Array.ForEach(connections, connection => connection.Dispose());
        return (after / (1 << 20), (after - before) / LeasesInMemory);
    }

    private static async Task<(Rate Rate, IReadOnlyList<long> Leases)> Grant(
        Connection[] connections, TimeSpan duration, int processId, CancellationToken cancellationToken)
    {
        var granted = new List<long>[Clients];
        var watch = Meter.Start(processId);
        await Task.WhenAll(Enumerable.Range(0, Clients).Select(client => Task.Run(
            async () =>
            {
                var own = granted[client] = [];
                while (watch.Elapsed < duration)
                {
                    own.Add(await GrantOne(connections[client % Connections], cancellationToken));
                }
            },
            cancellationToken)));
        var leases = granted.SelectMany(static own => own).ToArray();
        return (watch.Rate(leases.Length), leases);
    }

    private static async Task<IReadOnlyList<long>> GrantMany(Connection[] connections, int count, CancellationToken cancellationToken)
    {
        var leases = new long[count];
        await ForEach(count, async (client, i) => leases[i] = await GrantOne(connections[client % Connections], cancellationToken), cancellationToken);
        return leases;
    }

    private static async Task<long> GrantOne(Connection connection, CancellationToken cancellationToken) =>
        (await connection.Lease.LeaseGrantAsync(new LeaseGrantRequest { TTL = TtlSeconds }, cancellationToken: cancellationToken)).ID;

    private static async Task<Rate> Revoke(Connection[] connections, IReadOnlyList<long> leases, int processId, CancellationToken cancellationToken)
    {
        var watch = Meter.Start(processId);
        await ForEach(
            leases.Count,
            async (client, i) => await connections[client % Connections].Lease.LeaseRevokeAsync(
                new LeaseRevokeRequest { ID = leases[i] }, cancellationToken: cancellationToken),
            cancellationToken);
        return watch.Rate(leases.Count);
    }

    /// <summary>Renews all leases over and over, each stream its part of them, with many requests under way.</summary>
    private static async Task<Rate> KeepAlive(
        Connection[] connections, IReadOnlyList<long> leases, TimeSpan duration, int processId, CancellationToken cancellationToken)
    {
        var watch = Meter.Start(processId);
        var renewed = await Task.WhenAll(Enumerable.Range(0, KeepAliveStreams).Select(number => Task.Run(
            async () =>
            {
                var own = leases.Where((_, i) => i % KeepAliveStreams == number).Select(id => new LeaseKeepAliveRequest { ID = id }).ToArray();
                using var stream = connections[number % Connections].Lease.LeaseKeepAlive(cancellationToken: cancellationToken);
                using var window = new SemaphoreSlim(KeepAliveWindow);
                var writing = Task.Run(
                    async () =>
                    {
                        for (var i = 0; watch.Elapsed < duration; i++)
                        {
                            await window.WaitAsync(cancellationToken);

                            // As many as may be under way go out together, as those of a client's sweep over its leases do.
                            stream.RequestStream.WriteOptions = window.CurrentCount > 0 ? Buffered : Sent;
                            await stream.RequestStream.WriteAsync(own[i % own.Length], cancellationToken);
                        }

                        await stream.RequestStream.CompleteAsync();
                    },
                    cancellationToken);
                var answers = 0;
                while (await stream.ResponseStream.MoveNext(cancellationToken))
                {
                    if (stream.ResponseStream.Current.TTL != TtlSeconds)
                    {
                        throw new InvalidOperationException("A lease was not renewed.");
                    }

                    answers++;
                    window.Release();
                }

                await writing;
                return answers;
            },
            cancellationToken)));
        return watch.Rate(renewed.Sum());
    }

    /// <summary>Attaches many keys to a lease, then has them deleted at once while one client watches them and another one goes on putting.</summary>
    private static async Task<HugeDeletion> Huge(
        Connection[] connections, Func<Connection, long, CancellationToken, Task> delete, CancellationToken cancellationToken)
    {
        var lease = await GrantOne(connections[0], cancellationToken);
        await ForEach(
            KeysOfOneLease / KeysPerTxn,
            async (client, txn) =>
            {
                var puts = new TxnRequest();
                for (var i = txn * KeysPerTxn; i < (txn + 1) * KeysPerTxn; i++)
                {
                    puts.Success.Add(new RequestOp { RequestPut = new PutRequest { Key = KeyOfLease(i), Value = KeyOfLease(i), Lease = lease } });
                }

                await connections[client % Connections].Kv.TxnAsync(puts, cancellationToken: cancellationToken);
            },
            cancellationToken);
        using var watch = connections[3].Watch.Watch(cancellationToken: cancellationToken);
        await watch.RequestStream.WriteAsync(
            new WatchRequest { CreateRequest = new WatchCreateRequest { Key = KeyOfLease(0), RangeEnd = KeyOfLease(KeysOfOneLease) } }, cancellationToken);
        await watch.ResponseStream.MoveNext(cancellationToken);
        using var done = new CancellationTokenSource();
        var slowest = TimeSpan.Zero;
        var putting = Task.Run(
            async () =>
            {
                while (!done.IsCancellationRequested)
                {
                    var start = Stopwatch.GetTimestamp();
                    await connections[1].Kv.PutAsync(new PutRequest { Key = ByteString.CopyFromUtf8("other") }, cancellationToken: cancellationToken);
                    slowest = TimeSpan.FromTicks(Math.Max(slowest.Ticks, Stopwatch.GetElapsedTime(start).Ticks));
                }
            },
            cancellationToken);

        // Puts are under way before and for a while after.
        await Task.Delay(TimeSpan.FromMilliseconds(500), cancellationToken);
        slowest = TimeSpan.Zero;
        var begin = Stopwatch.GetTimestamp();
        await delete(connections[2], lease, cancellationToken);
        var revoking = Stopwatch.GetElapsedTime(begin);
        for (var events = 0; events < KeysOfOneLease; events += watch.ResponseStream.Current.Events.Count)
        {
            await watch.ResponseStream.MoveNext(cancellationToken);
        }

        await Task.Delay(TimeSpan.FromSeconds(1), cancellationToken);
        await done.CancelAsync();
        await putting;
        return new HugeDeletion(revoking.TotalMilliseconds, slowest.TotalMilliseconds);
    }

    private static ByteString KeyOfLease(int i) => ByteString.CopyFromUtf8(string.Create(CultureInfo.InvariantCulture, $"of-lease/{i:D8}"));

    private static async Task RevokeLease(Connection connection, long lease, CancellationToken cancellationToken) =>
        await connection.Lease.LeaseRevokeAsync(new LeaseRevokeRequest { ID = lease }, cancellationToken: cancellationToken);

    private static async Task DeleteKeys(Connection connection, long lease, CancellationToken cancellationToken) =>
        await connection.Kv.DeleteRangeAsync(
            new DeleteRangeRequest { Key = ByteString.CopyFromUtf8("of-lease/"), RangeEnd = ByteString.CopyFromUtf8("of-lease0") },
            cancellationToken: cancellationToken);

    /// <summary>Does something for each number below <paramref name="count"/>, each client one at a time.</summary>
    private static Task ForEach(int count, Func<int, int, Task> call, CancellationToken cancellationToken)
    {
        var next = -1;
        return Task.WhenAll(Enumerable.Range(0, Clients).Select(client => Task.Run(
            async () =>
            {
                for (var i = Interlocked.Increment(ref next); i < count; i = Interlocked.Increment(ref next))
                {
                    await call(client, i);
                }
            },
            cancellationToken)));
    }

    /// <summary>Time, and the server's CPU time, since it was started.</summary>
    private sealed record Meter(int ProcessId, TimeSpan Cpu, long Begin)
    {
        public TimeSpan Elapsed => Stopwatch.GetElapsedTime(Begin);

        public static Meter Start(int processId) => new(processId, ProcessSample.Of(processId).Cpu, Stopwatch.GetTimestamp());

        public Rate Rate(int count) =>
            new(count / Elapsed.TotalSeconds, (ProcessSample.Of(ProcessId).Cpu - Cpu).TotalMicroseconds / Math.Max(1, count));
    }

    private sealed record Rate(double PerSecond, double ServerCpuMicroseconds);

    /// <summary>Times in milliseconds.</summary>
    private sealed record HugeDeletion(double Revoking, double SlowestPut);

    private sealed record Figures(
        Rate Grants, Rate KeepAlives, Rate Revokes, double RssMegabytes, double BytesPerLease, HugeDeletion Huge, HugeDeletion HugeDelete, double OthersCpuShare);
}
