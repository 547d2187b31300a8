namespace Granary.Log.Engines.Postgres;

/// <summary>Where the log is kept, and how leadership over it is held.</summary>
public sealed record PostgresOptions
{
    /// <summary>Npgsql's connection string; several hosts are those of one cluster, of which the primary is used.</summary>
    public required string ConnectionString { get; init; }

    /// <summary>The schema that has the tables: each store of a database has its own.</summary>
    public string Schema { get; init; } = "granary";

    /// <summary>How long a leader may be silent before another takes over.</summary>
    public TimeSpan LeaseTime { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>How often a leader says that it is there, and the others look.</summary>
    public TimeSpan HeartbeatInterval { get; init; } = TimeSpan.FromMilliseconds(100);

    /// <summary>How long whoever asks for proof of leadership waits for it.</summary>
    public TimeSpan ProofTimeout { get; init; } = TimeSpan.FromSeconds(7);

    /// <summary>After so many bytes of records, or half as many as the replica has if that is more, a base snapshot is made, and older records go.</summary>
    public long SnapshotBytes { get; init; } = 64 << 20;

    /// <summary>Whether a database is taken that may lose what it has acknowledged.</summary>
    public bool AllowsLoss { get; init; }
}
