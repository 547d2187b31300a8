using System.Globalization;
using System.Text.Json;
using Granary.Log.Engines.Postgres;
using Npgsql;
using Orleans.Runtime;

namespace Granary.Server.Membership;

/// <summary>
/// Which silos there are, in the database of the log. Orleans' own table for PostgreSQL asks for scripts to be run by hand before the first
/// start; this one is made with the others. A row changes only together with the version of them all, as the contract wants it.
/// </summary>
internal sealed class PostgresMembershipTable(PostgresDatabase database) : IMembershipTable
{
    public Task InitializeMembershipTable(bool tryInitTableVersion) => Task.CompletedTask;

    public Task DeleteMembershipTableEntries(string clusterId) => database.Run(connection => Execute(connection, null, $"DELETE FROM {database.Silos}"));

    public Task CleanupDefunctSiloEntries(DateTimeOffset beforeDate) => database.Run(connection =>
    {
        foreach (var (entry, _) in Read(connection, null).Members.Where(row => row.Item1.Status == SiloStatus.Dead))
        {
            Execute(connection, null, $"DELETE FROM {database.Silos} WHERE address = $1 AND alive_at < now() - $2", entry.SiloAddress.ToParsableString(), DateTimeOffset.UtcNow - beforeDate);
        }

        return 0;
    });

    public Task<MembershipTableData> ReadRow(SiloAddress key) => database.Run(connection => Read(connection, key));

    public Task<MembershipTableData> ReadAll() => database.Run(connection => Read(connection, null));

    public Task<bool> InsertRow(MembershipEntry entry, TableVersion tableVersion) => Write(
        tableVersion,
        (connection, transaction) =>
        {
            // Who is started again leaves a row behind in which it still lives.
            var older = Read(connection, null, transaction).Members
                .Where(row => row.Item1.SiloName == entry.SiloName && row.Item1.Status != SiloStatus.Dead)
                .Select(row => row.Item1);
            foreach (var one in older)
            {
                one.Status = SiloStatus.Dead;
                Execute(
                    connection,
                    transaction,
                    $"UPDATE {database.Silos} SET version = $2, entry = $3 WHERE address = $1",
                    one.SiloAddress.ToParsableString(),
                    (long)tableVersion.Version,
                    Encode(one));
            }

            return Execute(
                connection,
                transaction,
                $"INSERT INTO {database.Silos} (address, version, entry, alive_at) VALUES ($1, $2, $3, now()) ON CONFLICT DO NOTHING",
                entry.SiloAddress.ToParsableString(),
                (long)tableVersion.Version,
                Encode(entry)) == 1;
        });

    public Task<bool> UpdateRow(MembershipEntry entry, string etag, TableVersion tableVersion) => Write(
        tableVersion,
        (connection, transaction) => Execute(
            connection,
            transaction,
            $"UPDATE {database.Silos} SET version = $2, entry = $3 WHERE address = $1 AND version = $4",
            entry.SiloAddress.ToParsableString(),
            (long)tableVersion.Version,
            Encode(entry),
            long.Parse(etag, CultureInfo.InvariantCulture)) == 1);

    public async Task UpdateIAmAlive(MembershipEntry entry)
    {
        try
        {
            await database.Run(connection => Execute(connection, null, $"UPDATE {database.Silos} SET alive_at = now() WHERE address = $1", entry.SiloAddress.ToParsableString()));
        }
        catch (Exception exception) when (PostgresDatabase.IsPassing(exception))
        {
            // The next one will do. That the database is away is said by those who need it more.
        }
    }

    private Task<bool> Write(TableVersion version, Func<NpgsqlConnection, NpgsqlTransaction, bool> write) => database.Run(connection =>
    {
        using var transaction = connection.BeginTransaction();
        var isNext = Execute(
            connection,
            transaction,
            $"UPDATE {database.SiloTable} SET version = $1 WHERE version = $2",
            (long)version.Version,
            long.Parse(version.VersionEtag, CultureInfo.InvariantCulture)) == 1;
        if (!isNext || !write(connection, transaction))
        {
            return false;
        }

        transaction.Commit();
        return true;
    });

    // One statement, so that rows and version are of the same moment.
    private MembershipTableData Read(NpgsqlConnection connection, SiloAddress? silo, NpgsqlTransaction? transaction = null)
    {
        using var command = new NpgsqlCommand(
            $"""
            SELECT silo_table.version, silo.version, silo.entry, now() - silo.alive_at
            FROM {database.SiloTable} AS silo_table LEFT JOIN {database.Silos} AS silo ON $1 IS NULL OR silo.address = $1
            """,
            connection,
            transaction)
        {
            Parameters = { new() { NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Text, Value = (object?)silo?.ToParsableString() ?? DBNull.Value } },
        };
        using var reader = command.ExecuteReader();
        var rows = new List<Tuple<MembershipEntry, string>>();
        var version = new TableVersion(0, "0");
        while (reader.Read())
        {
            version = new TableVersion((int)reader.GetInt64(0), reader.GetInt64(0).ToString(CultureInfo.InvariantCulture));
            if (!reader.IsDBNull(1))
            {
                var entry = Decode(reader.GetString(2));
                // By nobody's clock but the database's and this one's: how long ago counts, not when.
                entry.IAmAliveTime = DateTime.UtcNow - reader.GetFieldValue<TimeSpan>(3);
                rows.Add(Tuple.Create(entry, reader.GetInt64(1).ToString(CultureInfo.InvariantCulture)));
            }
        }

        return new MembershipTableData(rows, version);
    }

    private static int Execute(NpgsqlConnection connection, NpgsqlTransaction? transaction, string sql, params object[] values)
    {
        using var command = new NpgsqlCommand(sql, connection, transaction);
        foreach (var value in values)
        {
            command.Parameters.Add(new NpgsqlParameter { Value = value });
        }

        return command.ExecuteNonQuery();
    }

    private static string Encode(MembershipEntry entry) => JsonSerializer.Serialize(new Row(
        entry.SiloAddress.ToParsableString(),
        entry.Status,
        entry.HostName,
        entry.SiloName,
        entry.RoleName,
        entry.ProxyPort,
        entry.StartTime,
        entry.SuspectTimes?.Select(static suspect => new Suspicion(suspect.Item1.ToParsableString(), suspect.Item2)).ToList() ?? []));

    private static MembershipEntry Decode(string text)
    {
        var row = JsonSerializer.Deserialize<Row>(text)!;
        return new MembershipEntry
        {
            SiloAddress = SiloAddress.FromParsableString(row.Address),
            Status = row.Status,
            HostName = row.HostName ?? "",
            SiloName = row.SiloName ?? "",
            RoleName = row.RoleName,
            ProxyPort = row.ProxyPort,
            StartTime = row.StartTime,
            SuspectTimes = [.. row.Suspicions.Select(static suspicion => Tuple.Create(SiloAddress.FromParsableString(suspicion.By), suspicion.At))],
        };
    }

    private sealed record Row(
        string Address, SiloStatus Status, string? HostName, string? SiloName, string? RoleName, int ProxyPort, DateTime StartTime, List<Suspicion> Suspicions);

    private sealed record Suspicion(string By, DateTime At);
}
