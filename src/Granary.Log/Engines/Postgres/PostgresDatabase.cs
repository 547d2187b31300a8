using System.Net.Sockets;
using System.Text.RegularExpressions;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Granary.Log.Engines.Postgres;

/// <summary>The database that holds the log: connections to its primary, and the names of the tables.</summary>
public sealed partial class PostgresDatabase : IDisposable
{
    // Of one statement. Past it the fate of a statement is found out over another connection.
    public const int CommandTimeoutSeconds = 3;

    private const int RetriesPerComplaint = 50;

    private static readonly TimeSpan RetryInterval = TimeSpan.FromMilliseconds(100);

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

                // Of several hosts: how soon one that has become the primary is taken for it.
                HostRecheckSeconds = 1,
            };
            if (!settings.ShouldSerialize("Timeout"))
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

    /// <summary>The processes of the cluster.</summary>
    public string Members => $"{_options.Schema}.member";

    /// <summary>The certificates that members have made themselves.</summary>
    public string MemberCertificates => $"{_options.Schema}.member_certificate";

    /// <summary>The condition that the leader of the row of leadership is a member, and that very process.</summary>
    public string HasMember => $"EXISTS (SELECT 1 FROM {Members} AS member WHERE member.id = member_id AND member.silo = {Leadership}.silo)";

    /// <summary>The silos of the cluster, each as Orleans knows it.</summary>
    public string Silos => $"{_options.Schema}.silo";

    /// <summary>The version of the silos as a whole, and the name of the cluster.</summary>
    public string SiloTable => $"{_options.Schema}.silo_table";

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
            Prepare(connection);
            return connection;
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    /// <summary>Does some work over a connection, beside its caller.</summary>
    /// <exception cref="NpgsqlException">The database is away.</exception>
    /// <exception cref="PostgresUnusableException">The database cannot be used.</exception>
    public Task<T> Run<T>(Func<NpgsqlConnection, T> work) => Task.Run(() =>
    {
        using var connection = Connect();
        return work(connection);
    });

    /// <summary>Does some work over a connection, again and again until the database can be reached and does not go away in the middle of it.</summary>
    /// <exception cref="PostgresUnusableException">The database cannot be used.</exception>
    /// <exception cref="OperationCanceledException">Nobody waits any more.</exception>
    public T WhenReachable<T>(Func<NpgsqlConnection, T> work, ILogger logger, CancellationToken cancellationToken)
    {
        for (var attempt = 0; ; attempt++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            try
            {
                using var connection = Connect();
                return work(connection);
            }
            catch (Exception exception) when (IsPassing(exception))
            {
                if (attempt % RetriesPerComplaint == 0)
                {
                    TellUnreachable(logger, exception);
                }

                cancellationToken.WaitHandle.WaitOne(RetryInterval);
            }
        }
    }

    /// <summary>Tells that the database cannot be reached for the moment.</summary>
    internal void TellUnreachable(ILogger logger, Exception exception) => TellUnreachable(logger, Place, exception.GetBaseException().Message);

    /// <summary>Whether it is of use to try again: the database is away, starts, stops, or has changed its primary.</summary>
    public static bool IsPassing(Exception exception) => exception switch
    {
        PostgresException postgres => postgres.IsTransient || postgres.SqlState is PostgresErrorCodes.ReadOnlySqlTransaction
            || postgres.SqlState.StartsWith("57", StringComparison.Ordinal) || postgres.SqlState.StartsWith("08", StringComparison.Ordinal),
        NpgsqlException or TimeoutException or SocketException => true,
        _ => false,
    };

    /// <summary>
    /// Runs a statement that changes something, and whose success counts. A statement that is cancelled while it waits for a synchronous standby
    /// is committed, and succeeds with a warning, though no standby has it: that is no success, and neither is one that took as long as its timeout.
    /// </summary>
    /// <exception cref="NpgsqlException">It did not succeed, or nobody knows.</exception>
    internal T Kept<T>(NpgsqlConnection connection, int timeoutSeconds, Func<T> run)
    {
        var warning = "";
        void Note(object sender, NpgsqlNoticeEventArgs notice) => warning = notice.Notice.SqlState.StartsWith("01", StringComparison.Ordinal) ? notice.Notice.MessageText : warning;
        connection.Notice += Note;
        try
        {
            var start = BootClock.Instance.GetTimestamp();
            var result = run();
            return warning.Length == 0 && BootClock.Instance.GetElapsedTime(start) < TimeSpan.FromSeconds(timeoutSeconds)
                ? result
                : throw new NpgsqlException($"PostgreSQL does not vouch for what it did: {(warning.Length > 0 ? warning : "it took too long")}");
        }
        finally
        {
            connection.Notice -= Note;
        }
    }

    public void Dispose() => _source.Dispose();

    private void Prepare(NpgsqlConnection connection)
    {
        // The timeouts are ours: the database's would cancel what waits for a standby.
        using var command = connection.CreateCommand();
        command.CommandText =
            "SELECT current_setting('fsync'), current_setting('synchronous_commit'), current_setting('full_page_writes'), " +
            "set_config('statement_timeout', '0', false), set_config('lock_timeout', '0', false)";
        using var reader = command.ExecuteReader();
        reader.Read();
        if (_options.AllowsLoss)
        {
            return;
        }

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

    [LoggerMessage(22, LogLevel.Warning, "Cannot reach {Place} and tries again: {Reason}")]
    private static partial void TellUnreachable(ILogger logger, string place, string reason);
}
