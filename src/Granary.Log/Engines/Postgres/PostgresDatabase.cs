using System.Text.RegularExpressions;
using Npgsql;

namespace Granary.Log.Engines.Postgres;

/// <summary>The database that holds the log: connections to its primary, and the names of the tables.</summary>
public sealed partial class PostgresDatabase : IDisposable
{
    // Of one statement. Past it the fate of a statement is found out over another connection.
    private const int CommandTimeoutSeconds = 3;

    private readonly NpgsqlDataSource _source;
    private readonly PostgresOptions _options;

    /// <exception cref="PostgresUnusableException">The connection string or the schema's name is none.</exception>
    public PostgresDatabase(PostgresOptions options)
    {
        _options = options;
        if (!SchemaName().IsMatch(options.Schema))
        {
            throw new PostgresUnusableException($"\"{options.Schema}\" is no name for a schema: small letters, digits and _ can be in it, 63 at most");
        }

        try
        {
            var settings = new NpgsqlConnectionStringBuilder(options.ConnectionString)
            {
                CommandTimeout = CommandTimeoutSeconds,
                ApplicationName = "granary",
                KeepAlive = 5,
                MaxAutoPrepare = 0,
            };
            if (!options.ConnectionString.Contains("Timeout", StringComparison.OrdinalIgnoreCase))
            {
                settings.Timeout = CommandTimeoutSeconds;
            }

            var builder = new NpgsqlDataSourceBuilder(settings.ConnectionString);
            _source = settings.Host?.Contains(',', StringComparison.Ordinal) is true
                ? builder.BuildMultiHost().WithTargetSession(TargetSessionAttributes.Primary)
                : builder.Build();
        }
        catch (Exception exception) when (exception is ArgumentException or NotSupportedException or InvalidOperationException)
        {
            throw new PostgresUnusableException($"the connection string cannot be used: {exception.Message}", exception);
        }
    }

    /// <summary>The row that says who leads.</summary>
    public string Leadership => $"{_options.Schema}.leadership";

    /// <summary>The records.</summary>
    public string Log => $"{_options.Schema}.log";

    /// <summary>The base snapshots that are complete.</summary>
    public string Snapshots => $"{_options.Schema}.snapshot";

    /// <summary>What base snapshots are made of.</summary>
    public string SnapshotChunks => $"{_options.Schema}.snapshot_chunk";

    /// <summary>Where it is, for people: never with a password.</summary>
    public string Place
    {
        get
        {
            var settings = new NpgsqlConnectionStringBuilder(_options.ConnectionString);
            return $"postgres {settings.Host}/{settings.Database ?? settings.Username} schema {_options.Schema}";
        }
    }

    /// <summary>Opens a connection to the primary, which keeps what it acknowledges.</summary>
    /// <exception cref="NpgsqlException">There is none at the moment.</exception>
    /// <exception cref="PostgresUnusableException">It does not keep what it acknowledges, and must.</exception>
    public NpgsqlConnection Connect()
    {
        var connection = _source.CreateConnection();
        try
        {
            connection.Open();
            if (!_options.AllowsLoss)
            {
                RequireDurability(connection);
            }

            return connection;
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    /// <summary>Whether it is of use to try again: the database is away, starts, stops, or has changed its primary.</summary>
    public static bool IsPassing(Exception exception) => exception switch
    {
        PostgresException postgres => postgres.IsTransient || postgres.SqlState is PostgresErrorCodes.ReadOnlySqlTransaction
            || postgres.SqlState.StartsWith("57", StringComparison.Ordinal) || postgres.SqlState.StartsWith("08", StringComparison.Ordinal),
        NpgsqlException or TimeoutException or IOException or OperationCanceledException => true,
        _ => false,
    };

    public void Dispose() => _source.Dispose();

    private static void RequireDurability(NpgsqlConnection connection)
    {
        using var command = connection.CreateCommand();
        command.CommandText = "SELECT current_setting('fsync'), current_setting('synchronous_commit'), current_setting('full_page_writes')";
        using var reader = command.ExecuteReader();
        reader.Read();
        foreach (var (name, value, weak) in ((string, string, string[])[])
            [
                ("fsync", reader.GetString(0), ["off"]),
                ("synchronous_commit", reader.GetString(1), ["off", "local", "remote_write"]),
                ("full_page_writes", reader.GetString(2), ["off"]),
            ])
        {
            if (weak.Contains(value))
            {
                throw new PostgresUnusableException(
                    $"PostgreSQL has {name} = {value}, by which it may lose what it has acknowledged: set it to on, or allow the loss by --postgres-allow-loss");
            }
        }
    }

    [GeneratedRegex("^[a-z_][a-z0-9_]{0,62}$")]
    private static partial Regex SchemaName();
}
