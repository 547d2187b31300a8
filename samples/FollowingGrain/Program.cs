using Granary.Client;
using Granary.Samples.FollowingGrain;

var builder = WebApplication.CreateBuilder(args);
builder.Services.AddGranaryClient(options => options.Endpoints.Add(builder.Configuration["granary"] ?? "http://localhost:2379"));
builder.UseOrleans(silo => silo.UseLocalhostClustering(
    builder.Configuration.GetValue("silo-port", 11111), builder.Configuration.GetValue("gateway-port", 30000)));

var app = builder.Build();
app.MapGet("/{prefix}", async (string prefix, IGrainFactory grains) => await grains.GetGrain<IPrefixGrain>(prefix + "/").All());
app.Run();
