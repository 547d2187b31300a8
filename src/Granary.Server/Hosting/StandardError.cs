using System.Runtime.InteropServices;
using Granary.Server.Configuration;

namespace Granary.Server.Hosting;

/// <summary>
/// What a server says on standard error where it has no log yet, or none any more: in lines for people, or as the log does where that is JSON, so that
/// whoever collects it meets nothing else.
/// </summary>
/// <param name="format">The form of the log.</param>
internal sealed partial class StandardError(LogFormat format)
{
    private const int Descriptor = 2;

    public void Tell(string text) => Write($"granary: {text}", logger => Log.Told(logger, text));

    public void Warn(string text) => Write($"granary: warning: {text}", logger => Log.Warned(logger, text));

    public void Fail(string text) => Write($"granary: {text}", logger => Log.Failed(logger, text));

    /// <summary>Says of an exception that nobody catches what the runtime would say of it, if that would not do.</summary>
    public void ReportCrashes()
    {
        if (format != LogFormat.Json)
        {
            return;
        }

        AppDomain.CurrentDomain.UnhandledException += (_, crash) =>
        {
            ToLog(logger => Log.Crashed(logger, crash.ExceptionObject as Exception));

            // The runtime goes on to say it in its own form, and ends the process as it always does.
            if (!OperatingSystem.IsWindows())
            {
                using var nowhere = File.OpenHandle("/dev/null", FileMode.Open, FileAccess.Write);
                _ = Duplicate((int)nowhere.DangerousGetHandle(), Descriptor);
            }
        };
    }

    private void Write(string line, Action<ILogger> log)
    {
        if (format == LogFormat.Json)
        {
            ToLog(log);
        }
        else
        {
            Console.Error.WriteLine(line);
        }
    }

    // Written out when the loggers are disposed of.
    private void ToLog(Action<ILogger> log)
    {
        using var loggers = LoggerFactory.Create(logging => LogOutput.Configure(logging, LogLevel.Information, format));
        log(loggers.CreateLogger("Granary"));
    }

    [DllImport("libc", EntryPoint = "dup2")]
    private static extern int Duplicate(int descriptor, int target);

    private static partial class Log
    {
        [LoggerMessage(10, LogLevel.Information, "{Text}")]
        public static partial void Told(ILogger logger, string text);

        [LoggerMessage(11, LogLevel.Warning, "{Text}")]
        public static partial void Warned(ILogger logger, string text);

        [LoggerMessage(12, LogLevel.Critical, "{Text}")]
        public static partial void Failed(ILogger logger, string text);

        [LoggerMessage(13, LogLevel.Critical, "crashed: an exception that nobody caught")]
        public static partial void Crashed(ILogger logger, Exception? exception);
    }
}
