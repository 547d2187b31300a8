using System.CommandLine;
using System.CommandLine.Parsing;
using Granary.Server.Commands;
using Granary.Server.Hosting;

namespace Granary.Server.Configuration;

/// <summary>The <c>granary</c> command.</summary>
internal static class CommandLine
{
    private const int UsageExitCode = 2;

    /// <param name="args">What the program was called with.</param>
    /// <param name="configureSilo">Adds to a server's silo what others have in this process.</param>
    /// <returns>The exit code.</returns>
    public static async Task<int> Run(string[] args, Action<ISiloBuilder>? configureSilo = null)
    {
        var root = new RootCommand("Granary: a strongly consistent key-value store that speaks the etcd v3 API. Without a command it serves.");
        var serve = new Command("serve", "Run a server (the default).");
        foreach (var command in (Command[])[root, serve])
        {
            AddServe(command, configureSilo);
        }

        root.Subcommands.Add(serve);
        root.Subcommands.Add(StatusCommand.Create());
        root.Subcommands.Add(SnapshotCommand.Create());
        root.Subcommands.Add(CheckCommand.Create());
        root.Subcommands.Add(ImportCommand.Create());
        root.Subcommands.Add(CompletionCommand.Create());
        foreach (var option in root.Options.OfType<VersionOption>().ToArray())
        {
            root.Options.Remove(option);
        }

        var version = new Option<bool>("--version") { Description = "Print the versions: etcd's that clients are told, and Granary's." };
        root.Options.Add(version);

        var parsed = root.Parse([.. args.Select(DoubleDash)]);
        if (parsed.GetValue(version))
        {
            Console.WriteLine($"etcd Version: {ProductVersion.Etcd}");
            Console.WriteLine($"Granary Version: {ProductVersion.Granary}");
            Console.WriteLine($".NET Version: {Environment.Version}");
            return 0;
        }

        if (parsed.Errors.Count > 0)
        {
            var standardError = parsed.CommandResult.Command == root || parsed.CommandResult.Command == serve ? StandardErrorOf(parsed) : new StandardError(LogFormat.Text);
            standardError.Fail(parsed.Errors[0].Message);
            standardError.Tell("usage: granary [serve] [--FLAG=VALUE ...]; granary --help lists the flags");
            return UsageExitCode;
        }

        // The library would listen for signals only when the command has come to its first wait.
        using var termination = new Termination(2 * GranaryServer.ShutdownTimeout);
        return await parsed.InvokeAsync(
            new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null }, termination.Requested);
    }

    private static void AddServe(Command command, Action<ISiloBuilder>? configureSilo)
    {
        var configFile = new Option<string>("--config-file")
        {
            Description = "YAML file of settings, keys named as the flags; then the only source. [environment: ETCD_CONFIG_FILE]",
            HelpName = "FILE",
        };
        command.Options.Add(configFile);
        var options = new Dictionary<string, Option<string>>();
        foreach (var flag in Flags.Effective)
        {
            options.Add(flag.Name, Add(command, flag.Name, $"{flag.Help} [environment: {flag.EnvironmentVariable}]", flag.IsSwitch,
                hidden: flag.Name.StartsWith("experimental-", StringComparison.Ordinal)));
        }

        foreach (var flag in EtcdFlags.All.Where(static flag => !flag.IsInFilesOnly))
        {
            options.Add(flag.Name, Add(command, flag.Name, "Known for etcd's sake; sets nothing here.", flag.IsSwitch, hidden: true));
        }

        command.SetAction((parsed, cancellationToken) =>
        {
            var given = new Dictionary<string, string>();
            foreach (var (name, option) in options)
            {
                if (parsed.GetResult(option) is { Implicit: false } result)
                {
                    given[name] = result.Tokens.Count > 0 ? result.Tokens[^1].Value : "true";
                }
            }

            return Serve(given, parsed.GetValue(configFile), StandardErrorOf(parsed), configureSilo, cancellationToken);
        });
    }

    private static Option<string> Add(Command command, string name, string help, bool isSwitch, bool hidden)
    {
        var option = new Option<string>("--" + name)
        {
            Description = help,
            HelpName = "VALUE",
            Hidden = hidden,
            Arity = isSwitch ? ArgumentArity.ZeroOrOne : ArgumentArity.ExactlyOne,
        };
        command.Options.Add(option);
        return option;
    }

    private static async Task<int> Serve(
        Dictionary<string, string> flags, string? configFile, StandardError standardError, Action<ISiloBuilder>? configureSilo, CancellationToken cancellationToken)
    {
        standardError.ReportCrashes();
        try
        {
            var options = Settings.Read(flags, configFile, Environment.GetEnvironmentVariables(), standardError.Warn);
            await GranaryServer.Run(options, cancellationToken, configureSilo);
            return 0;
        }
        catch (SettingsException exception)
        {
            standardError.Fail(exception.Message);
            return exception.ExitCode;
        }
        catch (ServerFailedException exception)
        {
            standardError.Fail(exception.Message);
            return ServerFailedException.ExitCode;
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            standardError.Tell("told to stop before it was ready to serve");
            return 0;
        }
        catch (Exception exception)
        {
            // Whatever it is: a line for people, and the whole of it for whoever asks.
            var isDebug = flags.GetValueOrDefault("log-level") == "debug";
            standardError.Fail($"cannot serve: {(isDebug ? exception : exception.GetBaseException().Message)}");
            return 1;
        }
    }

    /// <summary>In the form that was asked for, whatever else is wrong with what was given.</summary>
    private static StandardError StandardErrorOf(ParseResult parsed)
    {
        return new StandardError(Settings.LogFormatOf(Given("--log-format"), Given("--config-file"), Environment.GetEnvironmentVariables()));

        string? Given(string option) => parsed.Tokens.Zip(parsed.Tokens.Skip(1))
            .LastOrDefault(pair => pair.First.Type == TokenType.Option && pair.First.Value == option && pair.Second.Type == TokenType.Argument).Second?.Value;
    }

    // etcd takes long flags behind one dash as well.
    private static string DoubleDash(string arg) =>
        arg.Length > 2 && arg[0] == '-' && arg[1] != '-' && char.IsAsciiLetter(arg[1]) ? "-" + arg : arg;
}
