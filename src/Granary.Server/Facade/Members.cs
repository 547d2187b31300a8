using Granary.Grains.Replication;
using Granary.Log.Engines.Postgres;
using Granary.Mvcc.Errors;
using Granary.Server.Configuration;
using Granary.Storage.Replicas;
using Npgsql;
using Orleans.Runtime;

namespace Granary.Server.Facade;

/// <summary>The members of the cluster: this one alone, or those in the database that they share.</summary>
internal sealed class Members(Replica replica, Member member, ServerOptions options, PostgresDatabase? database = null, OtherReplicas? replicas = null)
{
    // The part of the log that a learner has to have, as with etcd.
    private const double InSync = 0.9;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

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

    /// <summary>Adds a member that is yet to be started, with one of its peer URLs.</summary>
    /// <exception cref="EtcdException">Another one has one of the URLs, there are too many learners, or the database cannot be reached.</exception>
    public async Task<Protos.Member> Add(IReadOnlyList<string> urls, bool isLearner) => AsEtcd(await Do(connection => PostgresMembers.Add(connection, database!, urls, isLearner ? options.MaxLearners : null)));

    /// <summary>Has others reach a member by other URLs.</summary>
    /// <exception cref="EtcdException">There is no such member, another one has one of the URLs, or the database cannot be reached.</exception>
    public Task SetPeerUrls(ulong id, IReadOnlyList<string> urls) => Do(connection => PostgresMembers.SetPeerUrls(connection, database!, id, urls));

    /// <summary>Lets a learner lead as any other member, when it has almost all that this silo has.</summary>
    /// <exception cref="EtcdException">There is no such learner, it does not keep up, or the database cannot be reached.</exception>
    public async Task Promote(ulong id, CancellationToken cancellationToken)
    {
        if (database is null)
        {
            throw OfOnlyMember(id, EtcdError.MemberNotLearner);
        }

        var learner = (await Do(connection => PostgresMembers.Read(connection, database))).FirstOrDefault(one => one.Id == id && one.IsLearner);
        EtcdException.ThrowIf(learner is null || await KeepsUp(learner, cancellationToken) ? null : EtcdError.LearnerNotReady);
        await Do(connection => PostgresMembers.Promote(connection, database, id));
    }

    /// <summary>Removes a member: it leads no more from then on, and ends as soon as it sees it.</summary>
    /// <exception cref="EtcdException">There is no such member, nobody would be left to lead, or the database cannot be reached.</exception>
    public Task Remove(ulong id) =>
        database is null ? throw OfOnlyMember(id, EtcdError.NotEnoughStartedMembers) : Do(connection => PostgresMembers.Remove(connection, database, id));

    private Protos.Member Self => new()
    {
        ID = member.Id,
        Name = options.Name,
        PeerURLs = { replica.State.PeerUrls ?? options.AdvertisedPeerUrls },
        ClientURLs = { options.AdvertiseClientUrls },
    };

    private static Protos.Member AsEtcd(PostgresMember one) => new() { ID = one.Id, Name = one.Name, PeerURLs = { one.PeerUrls }, ClientURLs = { one.ClientUrls }, IsLearner = one.IsLearner };

    private EtcdException OfOnlyMember(ulong id, EtcdError error) => new(id == member.Id ? error : EtcdError.MemberNotFound);

    private async Task<bool> KeepsUp(PostgresMember learner, CancellationToken cancellationToken) =>
        learner.Silo.Length > 0
        && await replicas!.Ask<long?>(learner.Silo, static async (replica, token) => await replica.AppliedIndex(token), Patience, cancellationToken) >= InSync * replica.State.AppliedIndex;

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
