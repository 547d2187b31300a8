using System.CommandLine;
using Granary.Server.Import;

namespace Granary.Server.Commands;

/// <summary>The options of a command by which it proves to a server who it is, and by which it knows the server.</summary>
/// <param name="whom">The server, as its help names it.</param>
internal sealed class CredentialArguments(string whom)
{
    private readonly Option<string> _user = new("--user") { Description = $"User of {whom}, when it asks for one.", HelpName = "NAME:PASSWORD" };

    private readonly Option<string> _authority = new("--cacert")
    {
        Description = $"Certificates to trust at {whom}, PEM. [default: the system's]",
        HelpName = "FILE",
    };

    private readonly Option<string> _certificate = new("--cert") { Description = $"Certificate to show {whom}, PEM.", HelpName = "FILE" };
    private readonly Option<string> _key = new("--key") { Description = "Its key, PEM. [default: in the certificate's file]", HelpName = "FILE" };

    public void AddTo(Command command)
    {
        foreach (var option in (Option[])[_user, _authority, _certificate, _key])
        {
            command.Options.Add(option);
        }
    }

    public EndpointOptions Read(ParseResult parsed, string endpoint) =>
        new(endpoint, parsed.GetValue(_user), parsed.GetValue(_authority), parsed.GetValue(_certificate), parsed.GetValue(_key));
}
