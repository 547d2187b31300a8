using Granary.Log.Engines.Postgres;
using Granary.Mvcc.Errors;
using Granary.Server.Configuration;
using Granary.Storage.Replicas;
using Npgsql;

namespace Granary.Server.Facade;

/// <summary>The members of the cluster: this one alone, or those in the database that they share.</summary>
internal sealed class Members(Replica replica, Member member, ServerOptions options, PostgresDatabase? database = null)
{
    private volatile IReadOnlyList<Protos.Member>? _lastKnown;

    /// <summary>Whether others can be members too.</summary>
    public bool AreShared => database is not null;

    /// <param name="mustBeNew">Whether an older list will not do when the database cannot be reached.</param>
    /// <exception cref="EtcdException">It cannot be reached.</exception>
    public async Task<IReadOnlyList<Protos.Member>> List(bool mustBeNew)
    {
        if (database is null)
        {
            return [Self];
        }

        try
        {
            return _lastKnown = await Do(connection => PostgresMembers.Read(connection, database).Select(AsEtcd).ToList());
        }
        catch (EtcdException) when (!mustBeNew && _lastKnown is { } known)
        {
            return known;
        }
    }

    /// <summary>Has others reach a member by other URLs.</summary>
    /// <exception cref="EtcdException">There is no such member, or the database cannot be reached.</exception>
    public async Task SetPeerUrls(ulong id, IReadOnlyList<string> urls) =>
        EtcdException.ThrowIf(await Do(connection => PostgresMembers.SetPeerUrls(connection, database!, id, urls)) ? null : EtcdError.MemberNotFound);

    /// <summary>Removes a member: it leads no more from then on, and ends as soon as it sees it.</summary>
    /// <exception cref="EtcdException">There is no such member, or the database cannot be reached.</exception>
    public async Task Remove(ulong id) =>
        EtcdException.ThrowIf(await Do(connection => PostgresMembers.Remove(connection, database!, id)) ? null : EtcdError.MemberNotFound);

    private Protos.Member Self => new()
    {
        ID = member.Id,
        Name = options.Name,
        PeerURLs = { replica.State.PeerUrls ?? options.AdvertisedPeerUrls },
        ClientURLs = { options.AdvertiseClientUrls },
    };

    private static Protos.Member AsEtcd(PostgresMember one) => new() { ID = one.Id, Name = one.Name, PeerURLs = { one.PeerUrls }, ClientURLs = { one.ClientUrls } };

    private async Task<T> Do<T>(Func<NpgsqlConnection, T> work)
    {
        try
        {
            return await database!.Run(work);
        }
        catch (Exception exception) when (PostgresDatabase.IsPassing(exception))
        {
            throw new EtcdException(EtcdError.Timeout);
        }
    }
}
