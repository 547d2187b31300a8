using System.CommandLine;

namespace Granary.Server.Commands;

/// <summary><c>granary completion</c>: what a shell runs so that it completes commands and flags. The command itself knows them.</summary>
internal static class CompletionCommand
{
    private const string Bash = """
        _granary() {
          COMPREPLY=($(compgen -W "$(granary "[suggest:${COMP_POINT}]" "${COMP_LINE}" 2>/dev/null)" -- "${COMP_WORDS[COMP_CWORD]}"))
        }
        complete -o default -F _granary granary
        """;

    private const string Zsh = """
        #compdef granary
        _granary() {
          local -a suggestions
          suggestions=("${(@f)$(granary "[suggest:${CURSOR}]" "${BUFFER}" 2>/dev/null)}")
          compadd -a suggestions || _files
        }
        compdef _granary granary
        """;

    private const string Fish = """
        complete -c granary -a '(granary "[suggest:"(commandline -C)"]" (commandline -cp) 2>/dev/null)'
        """;

    public static Command Create()
    {
        var shell = new Argument<string>("SHELL") { Description = "bash, zsh or fish." };
        shell.AcceptOnlyFromAmong("bash", "zsh", "fish");
        var command = new Command("completion", "Print what makes a shell complete granary's commands and flags: source <(granary completion bash)") { shell };
        command.SetAction(parsed => Console.WriteLine(parsed.GetValue(shell) switch { "bash" => Bash, "zsh" => Zsh, _ => Fish }));
        return command;
    }
}
