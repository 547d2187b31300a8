using System.Diagnostics;
using Grpc.Core;
using HdrHistogram;

namespace Granary.Benchmarks.Load;

/// <summary>Runs one load and measures it.</summary>
internal sealed class LoadRun : IDisposable
{
    private const long HighestMicroseconds = 60_000_000;

    // A server that answers nothing but errors must not turn clients into spinning loops.
    private static readonly TimeSpan PauseAfterError = TimeSpan.FromMilliseconds(10);

    private static readonly TimeSpan LongestAnswer = TimeSpan.FromSeconds(30);

    private readonly LongConcurrentHistogram _latencies = new(1, HighestMicroseconds, 3);
    private readonly CancellationTokenSource _abandon = new();
    private volatile bool _measuring;
    private volatile bool _ended;
    private long _errors;
    private string? _firstError;

    private LoadRun()
    {
    }

    public static async Task<LoadResult> Run(LoadOptions options, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(options.Clients);
        var connections = Connection.Open(options.Endpoints, options.Connections, options.Credentials);
        try
        {
            using var run = new LoadRun();
            return await run.Run(options, connections, cancellationToken);
        }
        finally
        {
            foreach (var connection in connections)
            {
                connection.Dispose();
            }
        }
    }

    public void Dispose() => _abandon.Dispose();

    private async Task<LoadResult> Run(LoadOptions options, Connection[] connections, CancellationToken cancellationToken)
    {
        var revisions = new long[options.Keys.Count];
        var isKubernetes = options.Workload == Workload.Kubernetes;
        var leases = isKubernetes ? await LeasesOfKeys.Attach(connections, options.Keys, revisions, cancellationToken) : null;
        await using var watches = isKubernetes ? await PrefixWatches.Open(connections, options.Keys, cancellationToken) : null;
        LoadClient[] clients = [.. Enumerable.Range(0, options.Clients).Select(number =>
            new LoadClient(connections[number % connections.Length].Kv, options.Workload, options.Keys, number, revisions, leases))];
        var calling = Array.ConvertAll(clients, client => Task.Run(() => CallOverAndOver(client), CancellationToken.None));
        LoadResult result;
        try
        {
            await Task.Delay(options.Warmup, cancellationToken);
            var server = Sample(options.ServerProcessId);
            var own = ProcessSample.Of(Environment.ProcessId);
            var machine = MachineSample.Now();
            var events = watches?.Events;
            var start = Stopwatch.GetTimestamp();
            _measuring = true;
            await Task.Delay(options.Duration, cancellationToken);
            _measuring = false;
            var elapsed = Stopwatch.GetElapsedTime(start);
            result = Result(elapsed, own, server, Sample(options.ServerProcessId), machine, watches?.Events - events);
        }
        finally
        {
            _ended = true;
            _abandon.CancelAfter(LongestAnswer);
            await Task.WhenAll(calling);
        }

        // A server whose watches fall behind has done only a part of the work.
        await (watches?.HaveSeen(clients.Sum(static client => client.Updates), cancellationToken) ?? Task.CompletedTask);
        return result;
    }

    private async Task CallOverAndOver(LoadClient client)
    {
        while (!_ended)
        {
            var start = Stopwatch.GetTimestamp();
            try
            {
                await client.Call(_abandon.Token);
                if (_measuring)
                {
                    var microseconds = (long)Stopwatch.GetElapsedTime(start).TotalMicroseconds;
                    _latencies.RecordValue(Math.Clamp(microseconds, 1, HighestMicroseconds));
                }
            }
            catch (RpcException exception)
            {
                Interlocked.CompareExchange(ref _firstError, $"{exception.StatusCode}: {exception.Status.Detail}", null);
                if (_measuring)
                {
                    Interlocked.Increment(ref _errors);
                }

                await Task.Delay(PauseAfterError, CancellationToken.None);
            }
        }
    }

    private LoadResult Result(
        TimeSpan elapsed, ProcessSample ownBefore, ProcessSample? serverBefore, ProcessSample? serverAfter, MachineSample machineBefore, long? events)
    {
        var requests = _latencies.TotalCount;
        var own = ProcessSample.Of(Environment.ProcessId).Cpu - ownBefore.Cpu;
        var server = serverAfter?.Cpu - serverBefore?.Cpu;
        return new LoadResult(
            requests / elapsed.TotalSeconds,
            Milliseconds(50),
            Milliseconds(99),
            requests == 0 ? 0 : _latencies.GetMaxValue() / 1000.0,
            requests,
            Interlocked.Read(ref _errors),
            _firstError,
            own.TotalMicroseconds / Math.Max(1, requests),
            server?.TotalMicroseconds / Math.Max(1, requests),
            serverAfter?.RssMegabytes,
            MachineSample.Now().ShareOfOthers(machineBefore, own + (server ?? TimeSpan.Zero)),
            events / elapsed.TotalSeconds);
    }

    private double Milliseconds(double percentile) =>
        _latencies.TotalCount == 0 ? 0 : _latencies.GetValueAtPercentile(percentile) / 1000.0;

    private static ProcessSample? Sample(int? processId) => processId is { } id ? ProcessSample.Of(id) : null;
}
