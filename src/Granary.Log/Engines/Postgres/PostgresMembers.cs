using Granary.Mvcc;
using Granary.Mvcc.Errors;
using Npgsql;

namespace Granary.Log.Engines.Postgres;

/// <summary>A member of the cluster: a process that runs, or ran, under a name, or is yet to be started.</summary>
/// <param name="Id">Its id, for as long as it is a member.</param>
/// <param name="Name">Its name: whoever starts under it is that member. Empty before it was started.</param>
/// <param name="PeerUrls">By which the others reach it.</param>
/// <param name="ClientUrls">By which clients reach it; none before it was started.</param>
/// <param name="Silo">The address of its silo when it was last started, in Orleans' notation.</param>
/// <param name="Process">The process that was last started under the name, for people.</param>
/// <param name="IsLearner">Whether it follows only, and never leads.</param>
public sealed record PostgresMember(
    ulong Id, string Name, IReadOnlyList<string> PeerUrls, IReadOnlyList<string> ClientUrls, string Silo, string Process, bool IsLearner);

/// <summary>The table of members.</summary>
public static class PostgresMembers
{
    private const string Columns = "id, name, peer_urls, client_urls, silo, process, is_learner";

    /// <summary>All members, in the order of their ids.</summary>
    public static IReadOnlyList<PostgresMember> Read(NpgsqlConnection connection, PostgresDatabase database)
    {
        using var command = new NpgsqlCommand($"SELECT {Columns} FROM {database.Members} ORDER BY id", connection);
        return Read(command);
    }

    /// <summary>
    /// A process starts under a name: it is the member of that name from now on, and whoever was it before is so no more. Under a new name it is
    /// the member that was added with one of its peer URLs, or one more.
    /// </summary>
    /// <returns>The member, with the id that it had, or a new one.</returns>
    public static PostgresMember Join(NpgsqlConnection connection, PostgresDatabase database, PostgresMember member)
    {
        using var command = new NpgsqlCommand(
            $"""
            WITH known AS (
                UPDATE {database.Members} SET name = $2, peer_urls = $3, client_urls = $4, silo = $5, process = $6
                WHERE id = (SELECT id FROM {database.Members} WHERE name = $2 OR (name = '' AND peer_urls && $3) ORDER BY name DESC LIMIT 1 FOR UPDATE)
                RETURNING {Columns}),
            made AS (
                INSERT INTO {database.Members} ({Columns}) SELECT $1, $2, $3, $4, $5, $6, false WHERE NOT EXISTS (SELECT 1 FROM known)
                ON CONFLICT (name) WHERE name <> '' DO UPDATE SET peer_urls = $3, client_urls = $4, silo = $5, process = $6
                RETURNING {Columns})
            SELECT * FROM known UNION ALL SELECT * FROM made
            """,
            connection)
        {
            Parameters =
            {
                new() { Value = (long)RandomId.New() }, new() { Value = member.Name }, new() { Value = member.PeerUrls.ToArray() },
                new() { Value = member.ClientUrls.ToArray() }, new() { Value = member.Silo }, new() { Value = member.Process },
            },
        };
        return database.Kept(connection, command.CommandTimeout, () => Read(command)).Single();
    }

    /// <summary>Adds a member that is yet to be started.</summary>
    /// <param name="connection">To the database.</param>
    /// <param name="database">Has the tables.</param>
    /// <param name="urls">By which others reach it.</param>
    /// <param name="maxLearners">How many learners there may be if it is one; null if it is none.</param>
    /// <returns>The member.</returns>
    /// <exception cref="EtcdException">Another one has one of its URLs, or there are as many learners already.</exception>
    public static PostgresMember Add(NpgsqlConnection connection, PostgresDatabase database, IReadOnlyList<string> urls, int? maxLearners) =>
        Change(connection, database, members =>
        {
            EtcdException.ThrowIf(AreTaken(members, 0, urls) ? EtcdError.PeerUrlExists : null);
            EtcdException.ThrowIf(members.Count(static member => member.IsLearner) >= maxLearners ? EtcdError.TooManyLearners : null);
            return new NpgsqlCommand($"INSERT INTO {database.Members} ({Columns}) VALUES ($1, '', $2, ARRAY[]::text[], '', '', $3) RETURNING {Columns}", connection)
            {
                Parameters = { new() { Value = (long)RandomId.New() }, new() { Value = urls.ToArray() }, new() { Value = maxLearners is not null } },
            };
        });

    /// <summary>Notes by which URLs others reach a member.</summary>
    /// <exception cref="EtcdException">There is none of that id, or another one has one of the URLs.</exception>
    public static PostgresMember SetPeerUrls(NpgsqlConnection connection, PostgresDatabase database, ulong id, IReadOnlyList<string> urls) =>
        Change(connection, database, members =>
        {
            Find(members, id);
            EtcdException.ThrowIf(AreTaken(members, id, urls) ? EtcdError.PeerUrlExists : null);
            return new NpgsqlCommand($"UPDATE {database.Members} SET peer_urls = $2 WHERE id = $1 RETURNING {Columns}", connection)
            {
                Parameters = { new() { Value = (long)id }, new() { Value = urls.ToArray() } },
            };
        });

    /// <summary>Lets a learner lead as any other member.</summary>
    /// <exception cref="EtcdException">There is no such learner.</exception>
    public static PostgresMember Promote(NpgsqlConnection connection, PostgresDatabase database, ulong id) =>
        Change(connection, database, members =>
        {
            EtcdException.ThrowIf(Find(members, id).IsLearner ? null : EtcdError.MemberNotLearner);
            return new NpgsqlCommand($"UPDATE {database.Members} SET is_learner = false WHERE id = $1 RETURNING {Columns}", connection) { Parameters = { new() { Value = (long)id } } };
        });

    /// <summary>Removes a member, which appends nothing from then on.</summary>
    /// <exception cref="EtcdException">There is none of that id, or nobody who has been started and may lead would be left.</exception>
    public static PostgresMember Remove(NpgsqlConnection connection, PostgresDatabase database, ulong id) =>
        Change(connection, database, members =>
        {
            Find(members, id);
            EtcdException.ThrowIf(members.Any(member => member.Id != id && member is { IsLearner: false, Name: not "" }) ? null : EtcdError.NotEnoughStartedMembers);
            return new NpgsqlCommand($"DELETE FROM {database.Members} WHERE id = $1 RETURNING {Columns}", connection) { Parameters = { new() { Value = (long)id } } };
        });

    /// <summary>Has the others know a member by the certificate that it has made itself.</summary>
    /// <param name="connection">To the database.</param>
    /// <param name="database">Has the tables.</param>
    /// <param name="name">Of the member.</param>
    /// <param name="sha256">The certificate's hash, in hexadecimal.</param>
    public static int NoteCertificate(NpgsqlConnection connection, PostgresDatabase database, string name, string sha256)
    {
        using var command = new NpgsqlCommand(
            $"INSERT INTO {database.MemberCertificates} (name, sha256) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET sha256 = $2", connection)
        {
            Parameters = { new() { Value = name }, new() { Value = sha256 } },
        };
        return command.ExecuteNonQuery();
    }

    /// <summary>The hashes of the certificates that members have made themselves.</summary>
    public static IReadOnlySet<string> Certificates(NpgsqlConnection connection, PostgresDatabase database)
    {
        using var command = new NpgsqlCommand($"SELECT sha256 FROM {database.MemberCertificates}", connection);
        using var reader = command.ExecuteReader();
        var found = new HashSet<string>();
        while (reader.Read())
        {
            found.Add(reader.GetString(0));
        }

        return found;
    }

    /// <summary>The member that a process is.</summary>
    /// <exception cref="PostgresUnusableException">It is none any more.</exception>
    internal static PostgresMember Self(NpgsqlConnection connection, PostgresDatabase database, Candidate candidate)
    {
        using var command = new NpgsqlCommand($"SELECT {Columns} FROM {database.Members} WHERE id = $1", connection) { Parameters = { new() { Value = (long)candidate.MemberId } } };
        var self = Read(command) is [var one] ? one : throw new PostgresUnusableException("this member has been removed from the cluster: it joins anew when it is started again");
        return self.Silo == candidate.Silo
            ? self
            : throw new PostgresUnusableException($"another process has been started under the same name: {self.Process}. Each needs a --name of its own");
    }

    /// <summary>Changes one row, by what is there, while nobody else changes any.</summary>
    private static PostgresMember Change(NpgsqlConnection connection, PostgresDatabase database, Func<IReadOnlyList<PostgresMember>, NpgsqlCommand> decide)
    {
        using var transaction = connection.BeginTransaction();
        using var alone = new NpgsqlCommand($"LOCK TABLE {database.Members} IN SHARE ROW EXCLUSIVE MODE", connection);
        alone.ExecuteNonQuery();
        using var command = decide(Read(connection, database));
        var changed = Read(command).Single();
        database.Kept(connection, command.CommandTimeout, () =>
        {
            transaction.Commit();
            return true;
        });
        return changed;
    }

    private static PostgresMember Find(IReadOnlyList<PostgresMember> members, ulong id) =>
        members.FirstOrDefault(member => member.Id == id) ?? throw new EtcdException(EtcdError.MemberNotFound);

    private static bool AreTaken(IReadOnlyList<PostgresMember> members, ulong id, IReadOnlyList<string> urls) =>
        members.Where(member => member.Id != id).SelectMany(static member => member.PeerUrls).Intersect(urls).Any();

    private static List<PostgresMember> Read(NpgsqlCommand command)
    {
        using var reader = command.ExecuteReader();
        var members = new List<PostgresMember>();
        while (reader.Read())
        {
            members.Add(new PostgresMember(
                (ulong)reader.GetInt64(0),
                reader.GetString(1),
                reader.GetFieldValue<string[]>(2),
                reader.GetFieldValue<string[]>(3),
                reader.GetString(4),
                reader.GetString(5),
                reader.GetBoolean(6)));
        }

        return members;
    }
}
