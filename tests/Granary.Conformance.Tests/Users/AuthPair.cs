using Google.Protobuf;
using Granary.Conformance.Tests.Compatibility;
using Grpc.Core;
using Xunit.Sdk;

namespace Granary.Conformance.Tests.Users;

/// <summary>A pair whose users log in quickly, and the tokens that they have got at each of the two.</summary>
public class AuthPair() : Pair("--bcrypt-cost=4")
{
    public const string RootPassword = "root's";

    // By user; a name that is not here is sent as it is, a token that nobody gave.
    private readonly Dictionary<string, (string Etcd, string Subject)> _tokens = [];

    /// <summary>The same request to both, by a user who has logged in, or by nobody.</summary>
    internal async Task<(Answer Etcd, Answer Subject)> AskAs(string? user, IMessage request, CancellationToken cancellationToken)
    {
        var (etcd, subject) = user is null ? (null, null)
            : _tokens.TryGetValue(user, out var tokens) ? (tokens.Etcd, tokens.Subject)
            : (user, user);
        var ofEtcd = Calls.Ask(Etcd, request, cancellationToken, Headers(etcd));
        var ofSubject = Calls.Ask(Subject, request, cancellationToken, Headers(subject));
        return (await ofEtcd, await ofSubject);
    }

    /// <summary>Logs a user in at both; both say the same but for the token.</summary>
    internal async Task<Answer> LogIn(string user, string password, CancellationToken cancellationToken)
    {
        var request = new AuthenticateRequest { Name = user, Password = password };
        var (etcd, subject) = await AskAs(null, request, cancellationToken);
        if (etcd.Message is AuthenticateResponse fromEtcd && subject.Message is AuthenticateResponse fromSubject)
        {
            _tokens[user] = (fromEtcd.Token, fromSubject.Token);
            Assert.Matches("^[a-zA-Z]{16}\\.[0-9]+$", fromSubject.Token);
            fromEtcd.Token = fromSubject.Token = "";
        }

        return etcd == subject ? subject : throw new XunitException($"log-in of {user}\netcd:    {etcd}\nsubject: {subject}");
    }

    /// <summary>Turns authentication off and removes all users and roles.</summary>
    internal async Task Clear(CancellationToken cancellationToken)
    {
        // What is there to be removed depends on the test before.
        CallNotes.LeaveOut();
        foreach (var server in (Server[])[Etcd, Subject])
        {
            var auth = new Auth.AuthClient(server.Calls);
            var headers = new Metadata();
            try
            {
                var token = await auth.AuthenticateAsync(
                    new AuthenticateRequest { Name = "root", Password = RootPassword }, cancellationToken: cancellationToken);
                headers.Add("token", token.Token);
                await auth.AuthDisableAsync(new AuthDisableRequest(), headers, cancellationToken: cancellationToken);
            }
            catch (RpcException exception) when (exception.StatusCode == StatusCode.FailedPrecondition)
            {
                // It is off.
            }

            foreach (var user in (await auth.UserListAsync(new AuthUserListRequest(), cancellationToken: cancellationToken)).Users)
            {
                await auth.UserDeleteAsync(new AuthUserDeleteRequest { Name = user }, cancellationToken: cancellationToken);
            }

            foreach (var role in (await auth.RoleListAsync(new AuthRoleListRequest(), cancellationToken: cancellationToken)).Roles)
            {
                await auth.RoleDeleteAsync(new AuthRoleDeleteRequest { Role = role }, cancellationToken: cancellationToken);
            }
        }

        _tokens.Clear();
    }

    private static Metadata? Headers(string? token) => token is null ? null : new Metadata { { "token", token } };
}
