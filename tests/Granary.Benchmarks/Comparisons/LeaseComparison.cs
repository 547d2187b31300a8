using System.Diagnostics;
using Granary.Benchmarks.Load;
using Granary.Benchmarks.Reports;
using Granary.Protos;
using Granary.Testing;
using Grpc.Core;

namespace Granary.Benchmarks.Comparisons;

/// <summary>
/// Leases at etcd and Granary in turn, each time at a fresh server: how fast they are granted, kept alive and revoked, what they
/// cost in memory, and how long others wait while one with many keys goes.
/// </summary>
internal sealed class LeaseComparison(CompareOptions options, Report report)
{
    private const int Clients = 100;
    private const int Connections = 10;
    private const int KeptAliveLeases = 10_000;
    private const int KeepAliveStreams = 20;

    // Requests that are under way on one stream.
    private const int KeepAliveWindow = 200;
    private const int LeasesInMemory = 100_000;

    // Longer than all that is measured.
    private const long TtlSeconds = 3600;

    private static readonly WriteOptions Buffered = new(WriteFlags.BufferHint);
    private static readonly WriteOptions Sent = new();

    public async Task Run(CancellationToken cancellationToken)
    {
        var rounds = await Rounds<Figures>.Run(options.Rounds, "leases", product => Measure(product, cancellationToken));
        var table = report.Table("Leases");
        rounds.Row(table, $"grants/s, {Clients} clients", "F0", Better.More, f => f.Grants.PerSecond, isPrincipal: true);
        rounds.Row(table, "server CPU, µs/grant", "F1", Better.Less, f => f.Grants.ServerCpuMicroseconds);
        rounds.Row(table, $"keep-alives/s, {KeptAliveLeases} leases on {KeepAliveStreams} streams", "F0", Better.More, f => f.KeepAlives.PerSecond, isPrincipal: true);
        rounds.Row(table, "server CPU, µs/keep-alive", "F1", Better.Less, f => f.KeepAlives.ServerCpuMicroseconds);
        rounds.Row(table, $"revokes/s, {Clients} clients", "F0", Better.More, f => f.Revokes.PerSecond, isPrincipal: true);
        rounds.Row(table, "server CPU, µs/revoke", "F1", Better.Less, f => f.Revokes.ServerCpuMicroseconds);
        rounds.Row(table, $"RSS of a fresh server with {LeasesInMemory} leases, MB", "F0", Better.Less, f => f.RssMegabytes, isPrincipal: true);
        rounds.Row(table, "bytes more per lease", "F0", Better.Less, f => f.BytesPerLease);
        LargeDeletionComparison.WriteRows(table, rounds, f => f.ByLease, f => f.ByRange);
        rounds.Row(table, "CPU used by others, %", "F0", Better.Neither, f => 100 * f.OthersCpuShare);
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
            await LargeDeletion.ByLease(connections, cancellationToken);
            var byLease = await LargeDeletion.ByLease(connections, cancellationToken);
            var byRange = await LargeDeletion.ByRange(connections, cancellationToken);
            return new Figures(grants, keepAlives, revokes, rss, perLease, byLease, byRange, others.Share());
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
        await ManyClients.ForEach(Clients, count, async (client, i) => leases[i] = await GrantOne(connections[client % Connections], cancellationToken), cancellationToken);
        return leases;
    }

    private static async Task<long> GrantOne(Connection connection, CancellationToken cancellationToken) =>
        (await connection.Lease.LeaseGrantAsync(new LeaseGrantRequest { TTL = TtlSeconds }, cancellationToken: cancellationToken)).ID;

    private static async Task<Rate> Revoke(Connection[] connections, IReadOnlyList<long> leases, int processId, CancellationToken cancellationToken)
    {
        var watch = Meter.Start(processId);
        await ManyClients.ForEach(
            Clients,
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

    /// <summary>Time, and the server's CPU time, since it was started.</summary>
    private sealed record Meter(int ProcessId, TimeSpan Cpu, long Begin)
    {
        public TimeSpan Elapsed => Stopwatch.GetElapsedTime(Begin);

        public static Meter Start(int processId) => new(processId, ProcessSample.Of(processId).Cpu, Stopwatch.GetTimestamp());

        public Rate Rate(int count) =>
            new(count / Elapsed.TotalSeconds, (ProcessSample.Of(ProcessId).Cpu - Cpu).TotalMicroseconds / Math.Max(1, count));
    }

    private sealed record Rate(double PerSecond, double ServerCpuMicroseconds);

    private sealed record Figures(
        Rate Grants, Rate KeepAlives, Rate Revokes, double RssMegabytes, double BytesPerLease, LargeDeletion ByLease, LargeDeletion ByRange, double OthersCpuShare);
}
