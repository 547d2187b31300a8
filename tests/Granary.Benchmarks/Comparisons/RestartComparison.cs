using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Granary.Benchmarks.Load;
using Granary.Benchmarks.Reports;
using Granary.Protos;
using Granary.Testing;
using Grpc.Core;

namespace Granary.Benchmarks.Comparisons;

/// <summary>Fills etcd and Granary with the same keys, ends them abruptly and in order, and times their way back.</summary>
internal sealed class RestartComparison(CompareOptions options, Report report)
{
    private const int ValueBytes = 256;

    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(2);
    private static readonly TimeSpan BetweenAttempts = TimeSpan.FromMilliseconds(2);

    // What a server does behind its first answers still shows in its memory.
    private static readonly TimeSpan Settling = TimeSpan.FromSeconds(3);

    public async Task Run(CancellationToken cancellationToken)
    {
        var keys = new KeySpace(options.RestartKeys, keyBytes: 16, ValueBytes, seed: 1);
        var etcd = await Measure(Product.Etcd, keys, cancellationToken);
        var granary = await Measure(Product.Granary, keys, cancellationToken);

        var table = report.Table($"Restart with {keys.Count} keys of {ValueBytes} B, put in txns of 100");
        table.Row("filling, s", "F1", Better.Less, etcd.Filling.TotalSeconds, granary.Filling.TotalSeconds);
        table.Row("RSS when filled, MB", "F0", Better.Less, etcd.FilledRssMegabytes, granary.FilledRssMegabytes);
        table.Row("first answer of an empty server, s", "F2", Better.Less, etcd.Empty.FirstAnswer.TotalSeconds, granary.Empty.FirstAnswer.TotalSeconds);
        table.Row("first answer after SIGKILL, s", "F2", Better.Less, etcd.Killed.FirstAnswer.TotalSeconds, granary.Killed.FirstAnswer.TotalSeconds, isPrincipal: true);
        table.Row("RSS then, MB", "F0", Better.Less, etcd.Killed.RssMegabytes, granary.Killed.RssMegabytes, isPrincipal: true);
        table.Row("orderly stop, s", "F2", Better.Less, etcd.Stopping.TotalSeconds, granary.Stopping.TotalSeconds);
        table.Row("first answer after it, s", "F2", Better.Less, etcd.Stopped.FirstAnswer.TotalSeconds, granary.Stopped.FirstAnswer.TotalSeconds);
        table.Row("RSS then, MB", "F0", Better.Less, etcd.Stopped.RssMegabytes, granary.Stopped.RssMegabytes);
        table.Row("data on disk, MB", "F0", Better.Less, etcd.DiskMegabytes, granary.DiskMegabytes);
    }

    private static async Task<Figures> Measure(Product product, KeySpace keys, CancellationToken cancellationToken)
    {
        await using var server = await Server.Start(product, cancellationToken);
        await server.Kill(cancellationToken);
        var empty = await Start(server, null, cancellationToken);

        var start = Stopwatch.GetTimestamp();
        await Fill.Run(new Uri(server.Address), keys, cancellationToken);
        var filling = Stopwatch.GetElapsedTime(start);
        var filledRss = ProcessSample.Of(server.ProcessId).RssMegabytes;

        await server.Kill(cancellationToken);
        var killed = await Start(server, keys, cancellationToken);

        start = Stopwatch.GetTimestamp();
        await server.Stop(cancellationToken);
        var stopping = Stopwatch.GetElapsedTime(start);
        var stopped = await Start(server, keys, cancellationToken);

        var diskBytes = new DirectoryInfo(server.DataDirectory).EnumerateFiles("*", SearchOption.AllDirectories).Sum(file => file.Length);
        return new Figures(filling, filledRss, empty, killed, stopping, stopped, diskBytes / (double)(1 << 20));
    }

    /// <param name="server">It does not run.</param>
    /// <param name="keys">What the server must have; without it any answer will do.</param>
    /// <param name="cancellationToken">Gives up.</param>
    private static async Task<Restart> Start(Server server, KeySpace? keys, CancellationToken cancellationToken)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(Deadline);
        var start = Stopwatch.GetTimestamp();
        var ready = server.StartAgain(deadline.Token);
        await FirstAnswer(new Uri(server.Address), ready, keys, deadline.Token);
        var firstAnswer = Stopwatch.GetElapsedTime(start);
        await ready;
        await Task.Delay(Settling, cancellationToken);
        return new Restart(firstAnswer, ProcessSample.Of(server.ProcessId).RssMegabytes);
    }

    private static async Task FirstAnswer(Uri endpoint, Task ready, KeySpace? keys, CancellationToken cancellationToken)
    {
        var last = keys?.Key(keys.Count - 1);
        var request = new RangeRequest { Key = last ?? Google.Protobuf.ByteString.CopyFromUtf8("none") };
        while (true)
        {
            // gRPC's client waits longer and longer between its attempts; a bare socket does not.
            await AcceptsConnections(endpoint, ready, cancellationToken);
            using var connection = new Connection(endpoint);
            try
            {
                var response = await connection.Kv.RangeAsync(request, cancellationToken: cancellationToken);
                if (keys is not null && response.Count != 1)
                {
                    throw new InvalidOperationException($"The key {last!.ToStringUtf8()} did not come back.");
                }

                return;
            }
            catch (RpcException exception) when (exception.StatusCode is StatusCode.Unavailable)
            {
                await Task.Delay(BetweenAttempts, cancellationToken);
            }
        }
    }

    private static async Task AcceptsConnections(Uri endpoint, Task ready, CancellationToken cancellationToken)
    {
        while (true)
        {
            if (ready.IsFaulted)
            {
                await ready;
            }

            using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            try
            {
                await socket.ConnectAsync(new IPEndPoint(IPAddress.Parse(endpoint.Host), endpoint.Port), cancellationToken);
                return;
            }
            catch (SocketException)
            {
                await Task.Delay(BetweenAttempts, cancellationToken);
            }
        }
    }

    private sealed record Restart(TimeSpan FirstAnswer, double RssMegabytes);

    private sealed record Figures(
        TimeSpan Filling,
        double FilledRssMegabytes,
        Restart Empty,
        Restart Killed,
        TimeSpan Stopping,
        Restart Stopped,
        double DiskMegabytes);
}
