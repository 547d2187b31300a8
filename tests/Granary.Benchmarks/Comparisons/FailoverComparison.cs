using System.Diagnostics;
using System.Globalization;
using Google.Protobuf;
using Granary.Benchmarks.Reports;
using Granary.Protos;
using Granary.Testing;
using Grpc.Core;

namespace Granary.Benchmarks.Comparisons;

/// <summary>
/// Kills the leader of three members of etcd, and of three Granary processes that share a log, again and again, and tells how long clients
/// wait that know all three. Both elect by their defaults: an election timeout of a second.
/// </summary>
internal sealed class FailoverComparison(int kills, Report report)
{
    private const int Size = 3;
    private const int Clients = 4;

    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan CallDeadline = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan Settling = TimeSpan.FromSeconds(6);
    private static readonly TimeSpan Breath = TimeSpan.FromMilliseconds(10);

    public async Task Run(CancellationToken cancellationToken)
    {
        var etcd = await OfEtcd(cancellationToken);
        await Console.Error.WriteLineAsync($"etcd: {Told(etcd)}");
        var granary = await OfGranary(cancellationToken);
        await Console.Error.WriteLineAsync($"Granary: {Told(granary)}");
        var table = report.Table($"Silence when the leader is killed, {kills} times, as each of {Clients} clients sees it");
        table.Row("median, ms", "F0", Better.Less, Median.Of(etcd, static silence => silence), Median.Of(granary, static silence => silence), isPrincipal: true);
        table.Row("maximum, ms", "F0", Better.Less, etcd.Max(), granary.Max(), isPrincipal: true);
    }

    private async Task<List<double>> OfEtcd(CancellationToken cancellationToken)
    {
        await using var group = await EtcdGroup.Start(Size, cancellationToken);
        return await Measure(group.Servers, () => group.Leader(cancellationToken), server => server.StartAgain(cancellationToken), cancellationToken);
    }

    private async Task<List<double>> OfGranary(CancellationToken cancellationToken)
    {
        await using var group = await PostgresGroup.Start(Size, hasWires: false, cancellationToken);
        return await Measure(group.Servers, () => group.Leader(cancellationToken), server => server.StartAgain(cancellationToken), cancellationToken);
    }

    private async Task<List<double>> Measure(
        IReadOnlyList<Server> servers, Func<Task<Server?>> findLeader, Func<Server, Task> startAgain, CancellationToken cancellationToken)
    {
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var clients = Enumerable.Range(0, Clients).Select(number => new Client(servers, number)).ToList();
        var working = Task.WhenAll(clients.Select(client => client.Run(ending.Token)));
        var silences = new List<double>();
        for (var kill = 0; kill < kills; kill++)
        {
            Server? leader = null;
            await Eventually.Holds("there is a leader", async () => (leader = await findLeader()) is not null, Deadline, cancellationToken);
            var before = clients.ConvertAll(static client => client.Answered);
            await Eventually.Holds(
                "all are served", () => Task.FromResult(clients.Zip(before).All(static pair => pair.First.Answered > pair.Second + 100)), Deadline, cancellationToken);

            // Whoever was started again is at rest by now: leaders do not die one right after the other.
            await Task.Delay(Settling, cancellationToken);
            clients.ForEach(static client => client.TakeLongestSilence());
            await leader!.Kill(cancellationToken);
            before = clients.ConvertAll(static client => client.Answered);
            await Eventually.Holds(
                "all are served again", () => Task.FromResult(clients.Zip(before).All(static pair => pair.First.Answered > pair.Second + 10)), Deadline, cancellationToken);
            silences.AddRange(clients.Select(static client => client.TakeLongestSilence().TotalMilliseconds));
            await startAgain(leader);
        }

        await ending.CancelAsync();
        await working;
        return silences;
    }

    private static string Told(List<double> silences) =>
        string.Join(' ', silences.Order().Select(static silence => silence.ToString("F0", CultureInfo.InvariantCulture)));

    /// <summary>Puts one after the other, at the server that answered last, else at the next one.</summary>
    private sealed class Client(IReadOnlyList<Server> servers, int number)
    {
        private int _answered;
        private long _longest;

        public int Answered => Volatile.Read(ref _answered);

        /// <summary>Between two answers, since it was last asked for.</summary>
        public TimeSpan TakeLongestSilence() => TimeSpan.FromTicks(Interlocked.Exchange(ref _longest, 0));

        public async Task Run(CancellationToken ending)
        {
            using var server = new RovingChannel(servers, number);
            var last = Stopwatch.GetTimestamp();
            var request = new PutRequest { Key = ByteString.CopyFromUtf8($"client-{number}") };
            while (!ending.IsCancellationRequested)
            {
                try
                {
                    await new KV.KVClient(server.Channel).PutAsync(request, deadline: DateTime.UtcNow + CallDeadline, cancellationToken: CancellationToken.None);
                    var silence = Stopwatch.GetElapsedTime(last).Ticks;
                    last = Stopwatch.GetTimestamp();
                    if (silence > Interlocked.Read(ref _longest))
                    {
                        Interlocked.Exchange(ref _longest, silence);
                    }

                    Interlocked.Increment(ref _answered);
                }
                catch (RpcException)
                {
                    server.MoveOn();
                    await Task.Delay(Breath, CancellationToken.None);
                }
            }
        }
    }
}
