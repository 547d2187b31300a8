using Granary.Client;
using Granary.Samples.LeaderElection;

var builder = Host.CreateApplicationBuilder(args);
builder.Services.AddGranaryClient(options => options.Endpoints.Add(builder.Configuration["granary"] ?? "http://localhost:2379"));
builder.Services.AddHostedService<Worker>();
builder.Build().Run();
