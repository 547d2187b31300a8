using Granary.Grains.Identity;
using Granary.Mvcc.Auth;
using Granary.Protos;

namespace Granary.Server.Identity;

/// <summary>Gives tokens to users who have proved who they are, and knows whose a token is.</summary>
internal interface ITokens
{
    /// <summary>A new token for a user.</summary>
    /// <param name="auth">The state in which the user's password was found to be right.</param>
    /// <param name="user">The user in that state.</param>
    /// <param name="index">The applied index of that state.</param>
    /// <exception cref="Mvcc.Errors.EtcdException">Tokens are not given here.</exception>
    string Assign(AuthState auth, User user, long index);

    /// <summary>What other silos must know of a token that was given here for it to be good there; null for nothing.</summary>
    Session? Share(string token, long index);

    /// <summary>Whose a token is in a state; null when it is nobody's, or no longer.</summary>
    Caller? Find(AuthState auth, string token);
}
