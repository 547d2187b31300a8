using Granary.Server.Configuration;
using Granary.Server.Hosting;

if (ProcessLimits.Shortage() is { } shortage)
{
    ProcessLimits.Say(shortage, args);
    return 1;
}

return await CommandLine.Run(args);
