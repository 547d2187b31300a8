using System.Collections.Concurrent;
using System.Diagnostics.Metrics;

namespace Granary.Server.Tests;

/// <summary>Sums of Granary's own counters since it was made, read as an exporter of metrics would.</summary>
internal sealed class Counters : IDisposable
{
    private readonly MeterListener _listener = new();
    private readonly ConcurrentDictionary<string, long> _sums = new();

    public Counters()
    {
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Meter.Name.StartsWith("Granary.", StringComparison.Ordinal))
            {
                listener.EnableMeasurementEvents(instrument);
            }
        };
        _listener.SetMeasurementEventCallback<int>((instrument, value, _, _) =>
            _sums.AddOrUpdate(instrument.Name, value, (_, sum) => sum + value));
        _listener.SetMeasurementEventCallback<long>((instrument, value, _, _) =>
            _sums.AddOrUpdate(instrument.Name, value, (_, sum) => sum + value));
        _listener.Start();
    }

    public long this[string name] => _sums.GetValueOrDefault(name);

    public override string ToString() => string.Join(", ", _sums.OrderBy(entry => entry.Key).Select(entry => $"{entry.Key}={entry.Value}"));

    public void Dispose() => _listener.Dispose();
}
