using System.Diagnostics.Metrics;
using Granary.Server.Metrics;
using Granary.Storage.Replicas;

namespace Granary.Server.WebConsole;

/// <summary>
/// Takes a sample every few seconds, nearly all of it of what the server counts in any case. In between only durations and events are noted: each adds
/// to a count.
/// </summary>
internal sealed partial class HistorySampler : BackgroundService
{
    private const string Kv = "/etcdserverpb.KV/";
    private static readonly string[] Writes = [Kv + "Put", Kv + "DeleteRange", Kv + "Txn"];

    private readonly Replica _replica;
    private readonly History _history;
    private readonly RangeRates _ranges;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly MeterListener _listener = new();
    private readonly DurationCounts _commits = new();
    private readonly DurationCounts _flushes = new();
    private readonly DurationWindow[] _windows;
    private readonly Rate[] _rates;
    private readonly float[] _sample = new float[History.Names.Count];
    private long _events;

    public HistorySampler(Replica replica, RpcMetrics rpcs, History history, RangeRates ranges, TimeProvider time, ILogger<HistorySampler> logger)
    {
        _replica = replica;
        _history = history;
        _ranges = ranges;
        _time = time;
        _logger = logger;
        var read = rpcs.Find(Kv + "Range")!;
        RpcMethodMetrics[] writes = [.. Writes.Select(path => rpcs.Find(path)!)];
        _rates = [new(() => read.Started), new(() => writes.Sum(static write => write.Started)), new(() => Interlocked.Read(ref _events))];
        _windows = [new(read.Measure()), new([.. writes.Select(static write => write.Measure())]), new(_commits), new(_flushes)];
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Name is "granary.batch.commit.duration" or "granary.log.flush.duration" or "granary.watch.events")
            {
                listener.EnableMeasurementEvents(instrument, instrument.Name == "granary.log.flush.duration" ? _flushes : _commits);
            }
        };
        _listener.SetMeasurementEventCallback<double>(static (_, seconds, _, counts) => ((DurationCounts)counts!).Add(TimeSpan.FromSeconds(seconds)));
        _listener.SetMeasurementEventCallback<long>((_, count, _, _) => Interlocked.Add(ref _events, count));
    }

    public override void Dispose()
    {
        _listener.Dispose();
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        _listener.Start();
        using var timer = new PeriodicTimer(History.Interval, _time);
        var before = _time.GetTimestamp();
        do
        {
            var now = _time.GetTimestamp();
            try
            {
                Take(_time.GetElapsedTime(before, now));
            }
            catch (Exception exception)
            {
                // No figure is worth the server's end.
                Log.Failed(_logger, exception);
            }

            before = now;
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    private void Take(TimeSpan elapsed)
    {
        // First of all, since these may fail.
        var figures = _replica.Store.Figures;
        var at = 0;
        foreach (var rate in _rates)
        {
            _sample[at++] = rate.Next(elapsed);
        }

        foreach (var window in _windows)
        {
            (_sample[at], _sample[at + 1]) = window.Next();
            at += 2;
        }

        _sample[at++] = Environment.WorkingSet;
        _sample[at++] = figures.SizeBytes;
        _sample[at++] = figures.InUseBytes;
        _sample[at] = _replica.State.Term;
        _ranges.Measure(elapsed);
        _history.Add(_time.GetUtcNow(), _sample);
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Warning, "A sample for the console's charts could not be taken.")]
        public static partial void Failed(ILogger logger, Exception exception);
    }
}
