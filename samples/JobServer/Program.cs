using Granary.Samples.JobServer;
using Granary.Server;
using Microsoft.Extensions.DependencyInjection;

return await GranaryHost.RunAsync(args, silo =>
{
    silo.AddGranaryClient();
    silo.Services.AddHostedService<Foreman>();
});
