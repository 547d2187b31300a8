using System.Security.Cryptography.X509Certificates;

namespace Granary.Client;

/// <summary>Where the servers are, and how they are called.</summary>
public sealed class GranaryClientOptions
{
    // What timers take.
    private static readonly TimeSpan LongestTimeout = TimeSpan.FromMilliseconds(int.MaxValue);

    /// <summary>The servers' addresses, such as <c>http://10.0.0.1:2379</c>; <c>https</c> asks for TLS. Calls go to them in turn, and pass over one that does not answer.</summary>
    public IList<string> Endpoints { get; } = [];

    /// <summary>The user, where the servers ask for one; a token is got and renewed as needed.</summary>
    public string? UserName { get; set; }

    /// <summary>The user's password.</summary>
    public string? Password { get; set; }

    /// <summary>The certificate by which this client is known, with its private key.</summary>
    public X509Certificate2? ClientCertificate { get; set; }

    /// <summary>The authorities that the servers' certificates come from; empty: those that the system trusts.</summary>
    public X509Certificate2Collection TrustedAuthorities { get; } = [];

    /// <summary>How long a call is tried, at all servers together.</summary>
    public TimeSpan CallTimeout { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>How long it takes at most until a server counts as away that does not take a connection.</summary>
    public TimeSpan ConnectTimeout { get; set; } = TimeSpan.FromSeconds(3);

    /// <summary>After how long without a word of the server it is asked for one, while calls or watches are open.</summary>
    public TimeSpan KeepAlivePingDelay { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>How long the server has to say it.</summary>
    public TimeSpan KeepAlivePingTimeout { get; set; } = TimeSpan.FromSeconds(5);

    /// <exception cref="ArgumentException">Something is missing or wrong; the message names it.</exception>
    internal void Validate()
    {
        if (Endpoints.Count == 0)
        {
            throw new ArgumentException($"{nameof(Endpoints)} is empty: add a server's address, such as http://localhost:2379.");
        }

        foreach (var endpoint in Endpoints)
        {
            if (!Uri.TryCreate(endpoint, UriKind.Absolute, out var address) || (address.Scheme != Uri.UriSchemeHttp && address.Scheme != Uri.UriSchemeHttps))
            {
                throw new ArgumentException($"{nameof(Endpoints)} has '{endpoint}': an address is http://HOST:PORT or https://HOST:PORT.");
            }
        }

        if ((UserName is null) != (Password is null))
        {
            throw new ArgumentException($"{nameof(UserName)} and {nameof(Password)} go together: one of them is missing.");
        }

        if (CallTimeout <= TimeSpan.Zero || CallTimeout > LongestTimeout)
        {
            throw new ArgumentException($"{nameof(CallTimeout)} is {CallTimeout}: it must be more than zero, and at most {LongestTimeout}.");
        }
    }
}
