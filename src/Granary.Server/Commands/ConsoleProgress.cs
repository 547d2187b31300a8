using Spectre.Console;

namespace Granary.Server.Commands;

/// <summary>How long work shows on a terminal: a bar for each part of it, on standard error, so that output stays clean. Elsewhere nothing.</summary>
internal static class ConsoleProgress
{
    private static readonly IAnsiConsole Errors = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Error) });

    /// <summary>Runs the work with bars to fill.</summary>
    public static async Task<T> Run<T>(Func<IWorkProgress, Task<T>> work)
    {
        if (Console.IsErrorRedirected)
        {
            return await work(new Silence());
        }

        return await Errors.Progress()
            .Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(), new RemainingTimeColumn())
            .StartAsync(context => work(new Bars(context)));
    }

    private sealed class Silence : IWorkProgress
    {
        public Action<long> Begin(string what, long total) => static _ => { };
    }

    private sealed class Bars(ProgressContext context) : IWorkProgress
    {
        public Action<long> Begin(string what, long total)
        {
            var task = context.AddTask(Markup.Escape(what), maxValue: Math.Max(1, total));
            return done => task.Increment(done);
        }
    }
}
