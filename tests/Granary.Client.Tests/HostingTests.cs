using System.Diagnostics;
using System.Diagnostics.Metrics;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Granary.Client.Tests;

/// <summary>A client as an application has it: from its services, in its health, metrics and traces.</summary>
public sealed class HostingTests(BothServers servers) : ClientTest(servers)
{
    [Theory]
    [InlineData(Product.Etcd)]
    [InlineData(Product.Granary)]
    public async Task Services_give_one_client_whose_store_counts_for_their_health(Product product)
    {
        await using var server = await Server.Start(product, Stop);
        await using var services = new ServiceCollection()
            .AddLogging()
            .AddGranaryClient(options => options.Endpoints.Add(server.Address))
            .AddHealthChecks().AddGranary().Services
            .BuildServiceProvider();
        var client = services.GetRequiredService<IGranaryClient>();
        Assert.Same(client, services.GetRequiredService<IGranaryClient>());
        await client.PutAsync("a", "1", cancellationToken: Stop);

        var health = services.GetRequiredService<HealthCheckService>();
        Assert.Equal(HealthStatus.Healthy, (await health.CheckHealthAsync(Stop)).Status);
        await server.Kill(Stop);
        Assert.Equal(HealthStatus.Unhealthy, (await health.CheckHealthAsync(Stop)).Status);
        await server.StartAgain(Stop);
        Assert.Equal(HealthStatus.Healthy, (await health.CheckHealthAsync(Stop)).Status);
    }

    [Fact]
    public async Task Calls_are_measured_and_traced()
    {
        var methods = new List<string>();
        using var meters = new MeterListener();
        meters.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Meter.Name == "Granary.Client" && instrument.Name == "granary.client.call.duration")
            {
                listener.EnableMeasurementEvents(instrument);
            }
        };
        meters.SetMeasurementEventCallback<double>((_, _, tags, _) =>
        {
            lock (methods)
            {
                methods.Add((string)tags[0].Value!);
            }
        });
        meters.Start();
        List<Activity> spans = [];
        using var listener = new ActivityListener
        {
            ShouldListenTo = static source => source.Name == "Granary.Client",
            Sample = static (ref _) => ActivitySamplingResult.AllData,
            ActivityStopped = span =>
            {
                lock (spans)
                {
                    spans.Add(span);
                }
            },
        };
        ActivitySource.AddActivityListener(listener);

        using var parent = new Activity("test").Start();
        await using var client = To(Product.Granary);
        await client.PutAsync(Prefix, "1", cancellationToken: Stop);
        lock (methods)
        {
            Assert.Contains("KV/Put", methods);
        }

        lock (spans)
        {
            Assert.Contains(spans, span => span.OperationName == "KV/Put" && span.ParentId == parent.Id);
        }
    }
}
