using Granary.Server.Configuration;
using Granary.Server.Hosting;
using Granary.Storage.Stores.Rocks;

if (ProcessLimits.Shortage() is { } shortage)
{
    ProcessLimits.Say(shortage, args);
    return 1;
}

NativeHeap.Share();
return await CommandLine.Run(args);
