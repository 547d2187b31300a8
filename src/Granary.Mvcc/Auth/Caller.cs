namespace Granary.Mvcc.Auth;

/// <summary>On whose behalf a request is made. Every request that reaches data carries one.</summary>
public sealed record Caller
{
    private Caller(string? user, ulong? tokenRevision, bool isServer)
    {
        User = user;
        TokenRevision = tokenRevision;
        IsServer = isServer;
    }

    /// <summary>Somebody who has not said who they are.</summary>
    public static readonly Caller Nobody = new(null, null, isServer: false);

    /// <summary>The server itself: expiry of leases, auto-compaction, health. It may do anything.</summary>
    public static readonly Caller Server = new(null, null, isServer: true);

    /// <summary>The user's name; null for nobody.</summary>
    public string? User { get; }

    /// <summary>The auth revision that the token names: it holds for no later one. Null for a token that holds for any.</summary>
    public ulong? TokenRevision { get; }

    public bool IsServer { get; }

    /// <summary>A user who has proved to be that one.</summary>
    public static Caller Of(string user, ulong? tokenRevision = null) => new(user, tokenRevision, isServer: false);

    /// <summary>The caller that these parts describe: it has come from another silo.</summary>
    public static Caller Restore(string? user, ulong? tokenRevision, bool isServer) =>
        isServer ? Server : user is null ? Nobody : Of(user, tokenRevision);
}
