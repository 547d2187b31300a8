using Granary.Grains.Tracing;
using Granary.Log.Commits;
using Granary.Server.Configuration;
using OpenTelemetry.Exporter;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace Granary.Server.Tracing;

/// <summary>Sends the spans of sampled requests by OTLP: rpc, grain call, evaluate, commit, apply. Without it nothing listens and nothing is made.</summary>
internal static class TracingExtensions
{
    public static void AddGranaryTracing(this IServiceCollection services, TracingOptions? options)
    {
        if (options is null)
        {
            return;
        }

        services.AddOpenTelemetry().WithTracing(tracing => tracing
            .SetResourceBuilder(ResourceBuilder.CreateEmpty().AddService(
                options.ServiceName,
                serviceVersion: ProductVersion.Granary,
                autoGenerateServiceInstanceId: false,
                serviceInstanceId: options.ServiceInstanceId.Length > 0 ? options.ServiceInstanceId : null))
            .SetSampler(new ParentBasedSampler(new TraceIdRatioBasedSampler(options.SamplesPerMillion / 1e6)))
            .AddAspNetCoreInstrumentation()
            .AddSource(GrainTrace.SourceName, CommitLogMetrics.Name)
            .AddOtlpExporter(exporter =>
            {
                exporter.Protocol = OtlpExportProtocol.Grpc;
                exporter.Endpoint = new Uri(options.Address.Contains("://", StringComparison.Ordinal) ? options.Address : "http://" + options.Address);
            }));
    }
}
