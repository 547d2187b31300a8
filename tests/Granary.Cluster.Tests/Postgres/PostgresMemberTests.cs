using Google.Protobuf;
using Grpc.Core;

namespace Granary.Cluster.Tests.Postgres;

/// <summary>Members that are added before they are started, and learners, which follow and never lead.</summary>
public sealed class PostgresMemberTests : PostgresTest
{
    [Fact]
    public async Task A_member_that_was_added_is_whoever_starts_with_its_url()
    {
        var first = await Leader();
        var second = NotStarted(null);
        Assert.Contains("added to cluster", (await Tool.Etcdctl(first, Stop, "member", "add", "second", $"--peer-urls={second.PeerAddress}")).Output, StringComparison.Ordinal);
        var added = Assert.Single(await Members(first), static member => member.Name.Length == 0);
        Assert.Equal(([second.PeerAddress], 0, false), (added.PeerURLs, added.ClientURLs.Count, added.IsLearner));
        await IsRefused(EtcdErrors.PeerUrlExists, Cluster(first).MemberAddAsync(new MemberAddRequest { PeerURLs = { second.PeerAddress } }, cancellationToken: Stop));
        await IsRefused(EtcdErrors.PeerUrlExists, Cluster(first).MemberUpdateAsync(new MemberUpdateRequest { ID = added.ID, PeerURLs = { first.PeerAddress } }, cancellationToken: Stop));

        await second.StartAgain(Stop);
        var started = (await Members(first)).Single(member => member.ID == added.ID);
        Assert.Equal((second.MemberName, second.Address), (started.Name, Assert.Single(started.ClientURLs)));
        Assert.Equal(2, (await Members(second)).Count);
        Assert.Equal(2, await Put(second, "a", "1"));

        // Nobody comes under its name: it goes as it came.
        var never = (await Cluster(second).MemberAddAsync(new MemberAddRequest { PeerURLs = { "http://127.0.0.1:1" } }, cancellationToken: Stop)).Member;
        await Cluster(second).MemberRemoveAsync(new MemberRemoveRequest { ID = never.ID }, cancellationToken: Stop);
        Assert.Equal(2, (await Members(first)).Count);
    }

    [Fact]
    public async Task There_are_as_many_learners_as_the_flag_says()
    {
        var first = await Leader("--max-learners=2");
        for (var i = 1; i <= 2; i++)
        {
            await Cluster(first).MemberAddAsync(new MemberAddRequest { PeerURLs = { $"http://127.0.0.1:{i}" }, IsLearner = true }, cancellationToken: Stop);
        }

        await IsRefused(EtcdErrors.TooManyLearners, Cluster(first).MemberAddAsync(new MemberAddRequest { PeerURLs = { "http://127.0.0.1:3" }, IsLearner = true }, cancellationToken: Stop));
        await Cluster(first).MemberAddAsync(new MemberAddRequest { PeerURLs = { "http://127.0.0.1:3" } }, cancellationToken: Stop);
    }

    [Fact]
    public async Task A_learner_serves_what_needs_no_leader_and_leads_when_it_is_promoted_and_not_before()
    {
        var first = await Leader();
        var learner = NotStarted(null);
        await Put(first, "a", "1");
        var added = (await Cluster(first).MemberAddAsync(new MemberAddRequest { PeerURLs = { learner.PeerAddress }, IsLearner = true }, cancellationToken: Stop)).Member;
        await IsRefused(EtcdErrors.TooManyLearners, Cluster(first).MemberAddAsync(new MemberAddRequest { PeerURLs = { "http://127.0.0.1:1" }, IsLearner = true }, cancellationToken: Stop));
        await IsRefused(EtcdErrors.LearnerNotReady, Cluster(first).MemberPromoteAsync(new MemberPromoteRequest { ID = added.ID }, cancellationToken: Stop));

        await learner.StartAgain(Stop);
        var leading = (await Members(first)).Single(member => member.ID != added.ID);
        var status = await Status(learner);
        Assert.Equal((true, leading.ID), (status.IsLearner, status.Leader));
        Assert.False((await Status(first)).IsLearner);
        Assert.Equal("1", (await Get(learner, "a", isSerializable: true))!.Value.ToStringUtf8());
        await IsRefused(EtcdErrors.NotSupportedForLearner, Get(learner, "a"));
        await IsRefused(EtcdErrors.NotSupportedForLearner, Put(learner, "a", "2"));
        await IsRefused(EtcdErrors.NotSupportedForLearner, Members(learner));
        using (var watch = new Watch.WatchClient(learner.Channel).Watch(cancellationToken: Stop))
        {
            await IsRefused(EtcdErrors.NotSupportedForLearner, watch.ResponseStream.MoveNext(Stop));
        }

        using var http = new HttpClient();
        using var readiness = await http.GetAsync(new Uri($"{learner.Address}/readyz"), Stop);
        Assert.Contains("[-]non_learner failed", await readiness.Content.ReadAsStringAsync(Stop), StringComparison.Ordinal);
        await IsRefused(EtcdErrors.BadLeaderTransferee, new Maintenance.MaintenanceClient(first.Channel).MoveLeaderAsync(new MoveLeaderRequest { TargetID = added.ID }, cancellationToken: Stop));
        await IsRefused(EtcdErrors.NotEnoughStartedMembers, Cluster(first).MemberRemoveAsync(new MemberRemoveRequest { ID = leading.ID }, cancellationToken: Stop));

        // The learner is there when the leader goes, and another one leads that has yet to be started.
        await first.Kill(Stop);
        var third = await Follower();
        await Leads(third);
        Assert.Equal(2L, await Database.Execute("SELECT term FROM granary.leadership", Stop));

        await Cluster(third).MemberPromoteAsync(new MemberPromoteRequest { ID = added.ID }, cancellationToken: Stop);
        await IsRefused(EtcdErrors.MemberNotLearner, Cluster(third).MemberPromoteAsync(new MemberPromoteRequest { ID = added.ID }, cancellationToken: Stop));
        await Eventually.Holds("it serves as the others", async () => !(await Status(learner)).IsLearner, Generous, Stop);
        await third.Kill(Stop);
        await Leads(learner);
        Assert.Equal(3, await Put(learner, "a", "2"));
    }

    private static Protos.Cluster.ClusterClient Cluster(Server server) => new(server.Channel);

    private static async Task<IReadOnlyList<Protos.Member>> Members(Server server) =>
        (await Cluster(server).MemberListAsync(new MemberListRequest { Linearizable = true }, cancellationToken: Stop)).Members;

    private static async Task<StatusResponse> Status(Server server) => await new Maintenance.MaintenanceClient(server.Channel).StatusAsync(new StatusRequest(), cancellationToken: Stop);

    private static async Task IsRefused((StatusCode Code, string Text) error, Task call)
    {
        var status = (await Assert.ThrowsAsync<RpcException>(() => call)).Status;
        Assert.Equal(error, (status.StatusCode, status.Detail));
    }

    private static Task IsRefused<T>((StatusCode Code, string Text) error, AsyncUnaryCall<T> call) => IsRefused(error, call.ResponseAsync);

    /// <summary>What etcd says.</summary>
    private static class EtcdErrors
    {
        public static readonly (StatusCode, string) PeerUrlExists = (StatusCode.FailedPrecondition, "etcdserver: Peer URLs already exists");
        public static readonly (StatusCode, string) TooManyLearners = (StatusCode.FailedPrecondition, "etcdserver: too many learner members in cluster");
        public static readonly (StatusCode, string) LearnerNotReady =
            (StatusCode.FailedPrecondition, "etcdserver: can only promote a learner member which is in sync with leader");
        public static readonly (StatusCode, string) MemberNotLearner = (StatusCode.FailedPrecondition, "etcdserver: can only promote a learner member");
        public static readonly (StatusCode, string) NotSupportedForLearner = (StatusCode.FailedPrecondition, "etcdserver: rpc not supported for learner");
        public static readonly (StatusCode, string) BadLeaderTransferee = (StatusCode.FailedPrecondition, "etcdserver: bad leader transferee");
        public static readonly (StatusCode, string) NotEnoughStartedMembers =
            (StatusCode.Unknown, "etcdserver: re-configuration failed due to not enough started members");
    }
}
