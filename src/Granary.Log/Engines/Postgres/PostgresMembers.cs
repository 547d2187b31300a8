using Granary.Log.Commits;
using Npgsql;

namespace Granary.Log.Engines.Postgres;

/// <summary>A member of the cluster: a process that runs, or ran, under a name.</summary>
/// <param name="Id">Its id, for as long as it is a member.</param>
/// <param name="Name">Its name: whoever starts under it is that member.</param>
/// <param name="PeerUrls">By which the others reach it.</param>
/// <param name="ClientUrls">By which clients reach it; none before it was started.</param>
/// <param name="Silo">The address of its silo when it was last started, in Orleans' notation.</param>
/// <param name="Process">The process that was last started under the name, for people.</param>
public sealed record PostgresMember(
    ulong Id, string Name, IReadOnlyList<string> PeerUrls, IReadOnlyList<string> ClientUrls, string Silo, string Process);

/// <summary>The table of members.</summary>
public static class PostgresMembers
{
    private const string Columns = "id, name, peer_urls, client_urls, silo, process";

    /// <summary>All members, in the order of their ids.</summary>
    public static IReadOnlyList<PostgresMember> Read(NpgsqlConnection connection, PostgresDatabase database)
    {
        using var command = new NpgsqlCommand($"SELECT {Columns} FROM {database.Members} ORDER BY id", connection);
        return Read(command);
    }

    /// <summary>A process starts under a name: it is the member of that name from now on, and whoever was it before is so no more.</summary>
    /// <returns>The member, with the id that the name had, or a new one.</returns>
    public static PostgresMember Join(NpgsqlConnection connection, PostgresDatabase database, PostgresMember member)
    {
        using var command = new NpgsqlCommand(
            $"""
            INSERT INTO {database.Members} ({Columns}) VALUES ($1, $2, $3, $4, $5, $6)
            ON CONFLICT (name) DO UPDATE SET peer_urls = $3, client_urls = $4, silo = $5, process = $6 RETURNING {Columns}
            """,
            connection)
        {
            Parameters =
            {
                new() { Value = (long)CommitLog.NewId() }, new() { Value = member.Name }, new() { Value = member.PeerUrls.ToArray() },
                new() { Value = member.ClientUrls.ToArray() }, new() { Value = member.Silo }, new() { Value = member.Process },
            },
        };
        return database.Kept(connection, command.CommandTimeout, () => Read(command)).Single();
    }

    /// <summary>Notes by which URLs others reach a member; false when there is none of that id.</summary>
    public static bool SetPeerUrls(NpgsqlConnection connection, PostgresDatabase database, ulong id, IReadOnlyList<string> urls)
    {
        using var command = new NpgsqlCommand($"UPDATE {database.Members} SET peer_urls = $2 WHERE id = $1", connection)
        {
            Parameters = { new() { Value = (long)id }, new() { Value = urls.ToArray() } },
        };
        return database.Kept(connection, command.CommandTimeout, command.ExecuteNonQuery) == 1;
    }

    /// <summary>Removes a member, which appends nothing from then on; false when there is none of that id.</summary>
    public static bool Remove(NpgsqlConnection connection, PostgresDatabase database, ulong id)
    {
        using var command = new NpgsqlCommand($"DELETE FROM {database.Members} WHERE id = $1", connection) { Parameters = { new() { Value = (long)id } } };
        return database.Kept(connection, command.CommandTimeout, command.ExecuteNonQuery) == 1;
    }

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

    /// <summary>Refuses to go on as a process that is no member any more.</summary>
    /// <exception cref="PostgresUnusableException">It is none.</exception>
    internal static void MustHave(NpgsqlConnection connection, PostgresDatabase database, Candidate candidate)
    {
        using var command = new NpgsqlCommand($"SELECT silo, process FROM {database.Members} WHERE id = $1", connection) { Parameters = { new() { Value = (long)candidate.MemberId } } };
        using var reader = command.ExecuteReader();
        if (!reader.Read())
        {
            throw new PostgresUnusableException("this member has been removed from the cluster: it joins anew when it is started again");
        }

        if (reader.GetString(0) != candidate.Silo)
        {
            throw new PostgresUnusableException($"another process has been started under the same name: {reader.GetString(1)}. Each needs a --name of its own");
        }
    }

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
                reader.GetString(5)));
        }

        return members;
    }
}
