using Granary.Server.Configuration;

return await CommandLine.Run(args);
