using System.Diagnostics.Metrics;
using System.Runtime.CompilerServices;
using Granary.Grains.KeyRanges;
using Granary.Log.Commits;
using Granary.Server.Health;
using Granary.Storage.Replicas;
using OpenTelemetry.Exporter;
using OpenTelemetry.Metrics;

namespace Granary.Server.Metrics;

/// <summary>Gives out what Granary, Orleans, Kestrel and the runtime measure, in Prometheus' text form.</summary>
internal static class MetricsExtensions
{
    public const string Path = "/metrics";

    // What etcd measures in these is given out under its name only: Prometheus counts in seconds.
    private const string Milliseconds = "ms";

    // Room is made at once for as many combinations of labels as a metric may have. None of these has nearly so many; those of calls, by method
    // and status, are left at the default of 2000.
    private const int MostSeries = 100;
    private const int MostSeriesOfOthers = 500;

    public static void AddGranaryMetrics(this IServiceCollection services)
    {
        services.AddMetrics();
        services.AddSingleton<ServerInstruments>();
        services.AddSingleton<ProcessInstruments>();
        services.AddOpenTelemetry().WithMetrics(metrics =>
        {
            metrics
                .AddMeter(
                    KeyRangeMetrics.MeterName, CommitLogMetrics.Name, StorageMetrics.Name, HealthMetrics.MeterName,
                    RpcMetrics.MeterName, ServerInstruments.MeterName, ProcessInstruments.MeterName)
                .AddMeter("Microsoft.Orleans", "System.Runtime", "Microsoft.AspNetCore.Server.Kestrel")
                .SetMaxMetricStreams(2000)
                .AddView(static instrument =>
                    IsOurs(instrument) && instrument.Unit != Milliseconds ? Named(instrument, instrument.Name, EtcdNames.BoundsOf(instrument.Unit)) : null);
            for (var i = 0; i < EtcdNames.MostNames; i++)
            {
                var which = i;
                metrics.AddView(instrument => IsOurs(instrument) && EtcdNames.Of(instrument.Name) is var names && names.Count > which
                    ? Named(instrument, names[which].Name, names[which].Bounds ?? [])
                    : null);
            }

            metrics.AddView(static instrument =>
                IsOurs(instrument) || instrument.Meter.Name == RpcMetrics.MeterName ? null : new MetricStreamConfiguration { CardinalityLimit = MostSeriesOfOthers });

            metrics.AddPrometheusExporter(prometheus =>
            {
                prometheus.ScopeInfoEnabled = false;
                prometheus.TargetInfoEnabled = false;
                prometheus.ScrapeResponseCacheDurationMilliseconds = 100;
            });
        });
    }

    /// <summary>Serves the metrics in this branch of the pipeline.</summary>
    public static void UseGranaryMetrics(this IApplicationBuilder app)
    {
        app.ApplicationServices.GetRequiredService<ServerInstruments>();
        app.ApplicationServices.GetRequiredService<ProcessInstruments>();
        app.Use(static exporter => new BareNames(exporter).Serve);
        app.UseOpenTelemetryPrometheusScrapingEndpoint(Path);
        RuntimeHelpers.RunClassConstructor(typeof(CommitLogMetrics).TypeHandle);
        RuntimeHelpers.RunClassConstructor(typeof(StorageMetrics).TypeHandle);
        ShowZeros();
    }

    /// <summary>Makes counters show from the beginning, and not only once something was counted.</summary>
    private static void ShowZeros()
    {
        using var listener = new MeterListener();
        listener.InstrumentPublished = static (instrument, _) =>
        {
            switch (instrument)
            {
                case Counter<int> counter when IsOurs(instrument):
                    counter.Add(0);
                    break;
                case Counter<long> counter when IsOurs(instrument):
                    counter.Add(0);
                    break;
                case UpDownCounter<int> counter when IsOurs(instrument):
                    counter.Add(0);
                    break;
                case UpDownCounter<long> counter when IsOurs(instrument):
                    counter.Add(0);
                    break;
            }
        };
        listener.Start();
    }

    private static bool IsOurs(Instrument instrument) => instrument.Name.StartsWith("granary.", StringComparison.Ordinal);

    private static MetricStreamConfiguration Named(Instrument instrument, string name, double[] bounds) =>
        instrument.GetType().GetGenericTypeDefinition() == typeof(Histogram<>)
            ? new ExplicitBucketHistogramConfiguration { Name = name, Boundaries = bounds, CardinalityLimit = MostSeries }
            : new MetricStreamConfiguration { Name = name, CardinalityLimit = MostSeries };
}
