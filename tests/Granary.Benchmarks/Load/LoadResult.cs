using System.Globalization;

namespace Granary.Benchmarks.Load;

/// <summary>What was measured in the window between warm-up and end.</summary>
internal sealed record LoadResult(
    double RequestsPerSecond,
    double P50Milliseconds,
    double P99Milliseconds,
    double MaxMilliseconds,
    long Requests,
    long Errors,
    string? FirstError,
    double ClientCpuMicrosecondsPerRequest,
    double? ServerCpuMicrosecondsPerRequest,
    double? ServerRssMegabytes,
    double OthersCpuShare,
    double? EventsPerSecond)
{
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"{RequestsPerSecond:F0} req/s, p50 {P50Milliseconds:F2} ms, p99 {P99Milliseconds:F2} ms, max {MaxMilliseconds:F1} ms, errors {Errors}, client CPU {ClientCpuMicrosecondsPerRequest:F1} µs/op")
        + (ServerCpuMicrosecondsPerRequest is { } cpu
            ? string.Create(CultureInfo.InvariantCulture, $", server CPU {cpu:F1} µs/op, RSS {ServerRssMegabytes:F0} MB, other processes {OthersCpuShare:P0} of the CPUs")
            : "")
        + (EventsPerSecond is { } events ? string.Create(CultureInfo.InvariantCulture, $", {events:F0} events/s") : "")
        + (FirstError is null ? "" : $", first error: {FirstError}");
}
