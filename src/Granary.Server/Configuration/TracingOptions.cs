namespace Granary.Server.Configuration;

/// <summary>Where traces go and which requests have one.</summary>
/// <param name="Address">Host and port of an OTLP receiver that speaks gRPC.</param>
/// <param name="ServiceName">Name of this service in traces.</param>
/// <param name="ServiceInstanceId">Tells several of them apart; empty for none.</param>
/// <param name="SamplesPerMillion">Of a million requests that come without a trace of their own, so many get one.</param>
internal sealed record TracingOptions(string Address, string ServiceName, string ServiceInstanceId, int SamplesPerMillion);
