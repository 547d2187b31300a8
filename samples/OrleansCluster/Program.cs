using System.Net;
using Granary.Client;
using Granary.Orleans;
using Granary.Samples.OrleansCluster;
using Orleans.Configuration;

var builder = WebApplication.CreateBuilder(args);
builder.Services.AddGranaryClient(options => options.Endpoints.Add(builder.Configuration["granary"] ?? "http://localhost:2379"));
builder.UseOrleans(silo => silo
    .UseGranaryClustering()
    .AddGranaryGrainStorageAsDefault()
    .UseGranaryReminderService()
    .Configure<ClusterOptions>(options => (options.ClusterId, options.ServiceId) = ("samples", "samples"))
    .Configure<ReminderOptions>(options => options.MinimumReminderPeriod = TimeSpan.FromSeconds(1))
    .ConfigureEndpoints(IPAddress.Loopback, builder.Configuration.GetValue("silo-port", 11111), builder.Configuration.GetValue("gateway-port", 30000)));

var app = builder.Build();
app.MapGet("/{counter}", async (string counter, IGrainFactory grains) => await grains.GetGrain<ICounterGrain>(counter).Read());
app.MapPost("/{counter}", async (string counter, IGrainFactory grains) => await grains.GetGrain<ICounterGrain>(counter).Add(1));

// From now on the counter counts by itself, whichever silos there are.
app.MapPost("/{counter}/every/{seconds:int}", async (string counter, int seconds, IGrainFactory grains) =>
    await grains.GetGrain<ICounterGrain>(counter).CountEvery(TimeSpan.FromSeconds(seconds)));
app.Run();
