using Granary.Server.Configuration;
using Microsoft.Extensions.Logging.Console;

namespace Granary.Server.Hosting;

/// <summary>What is logged, and in which form: all of it on standard error.</summary>
internal static class LogOutput
{
    public static void Configure(ILoggingBuilder logging, LogLevel level, LogFormat format)
    {
        logging.SetMinimumLevel(level);
        logging.AddFilter("Orleans", level == LogLevel.Debug ? LogLevel.Information : LogLevel.Error);
        logging.AddFilter("Microsoft", level == LogLevel.Debug ? LogLevel.Information : LogLevel.Error);
        logging.AddFilter("Grpc", level == LogLevel.Debug ? LogLevel.Information : LogLevel.Critical);
        logging.AddFilter("Polly", LogLevel.Error);

        // Why a start failed is told once, by whoever ends the process.
        logging.AddFilter("Microsoft.Extensions.Hosting", level == LogLevel.Debug ? LogLevel.Information : LogLevel.None);

        // As long as this one logs at all, each request is given an activity of its own.
        logging.AddFilter("Microsoft.AspNetCore.Hosting.Diagnostics", LogLevel.None);
        logging.AddFilter("Microsoft.Extensions.Diagnostics.HealthChecks", LogLevel.None);
        if (format == LogFormat.Json)
        {
            logging.AddJsonConsole(json => (json.UseUtcTimestamp, json.TimestampFormat) = (true, "yyyy-MM-ddTHH:mm:ss.fffZ"));
        }
        else
        {
            logging.AddSimpleConsole(text =>
                (text.SingleLine, text.UseUtcTimestamp, text.TimestampFormat, text.ColorBehavior) =
                (true, true, "yyyy-MM-ddTHH:mm:ss.fffZ ", LoggerColorBehavior.Default));
        }

        logging.Services.Configure<ConsoleLoggerOptions>(console => console.LogToStandardErrorThreshold = LogLevel.Trace);
    }
}
