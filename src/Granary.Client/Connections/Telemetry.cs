using System.Diagnostics;
using System.Diagnostics.Metrics;
using Grpc.Core;

namespace Granary.Client.Connections;

/// <summary>What a client tells of its calls: spans and metrics, both named <c>Granary.Client</c>.</summary>
internal static class Telemetry
{
    public const string Name = "Granary.Client";

    public static readonly ActivitySource Source = new(Name);

    private static readonly Meter Meter = new(Name);

    private static readonly Histogram<double> Duration = Meter.CreateHistogram<double>(
        "granary.client.call.duration", "s", "How long calls took, with all that they were tried again.");

    private static readonly Counter<long> Retries = Meter.CreateCounter<long>("granary.client.retries", "{retry}", "Calls that were made once more.");

    private static readonly Counter<long> Resumptions = Meter.CreateCounter<long>("granary.client.watch.resumptions", "{resumption}", "Watches that have broken off and go on.");

    public static void Called(string method, TimeSpan elapsed, int attempts, StatusCode status)
    {
        if (Duration.Enabled)
        {
            Duration.Record(elapsed.TotalSeconds, new KeyValuePair<string, object?>("rpc.method", method), new KeyValuePair<string, object?>("rpc.grpc.status_code", (int)status));
        }

        if (attempts > 1)
        {
            Retries.Add(attempts - 1, new KeyValuePair<string, object?>("rpc.method", method));
        }
    }

    public static void Resumed() => Resumptions.Add(1);
}
