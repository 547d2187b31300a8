using System.Net;
using System.Net.Http.Headers;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Health.V1;
using Xunit.Sdk;
using static Granary.Conformance.Tests.Requests;

namespace Granary.Conformance.Tests;

/// <summary>What a call meets before any service looks at it: sizes, unknown names, broken messages, compression.</summary>
public sealed class TransportTests(DefaultPair pair) : ConformanceTest(pair), IClassFixture<DefaultPair>
{
    [Theory]
    [InlineData("etcdserverpb.KV", "Nothing")]
    [InlineData("nope.Svc", "Nothing")]
    public async Task Unknown_methods_and_services_are_named(string service, string method)
    {
        var (etcd, _) = await Calls.AskRaw(Pair.Etcd, service, method, [], Cancellation);
        var (subject, _) = await Calls.AskRaw(Pair.Subject, service, method, [], Cancellation);
        Assert.Equal((etcd.StatusCode, etcd.Detail), (subject.StatusCode, subject.Detail));
        Assert.Equal(StatusCode.Unimplemented, subject.StatusCode);
    }

    [Theory]
    [InlineData(new byte[] { 0xff, 0xff, 0xff })]
    [InlineData(new byte[] { 0x0a, 0x7f, 0x61 })]
    [InlineData(new byte[] { 0x0a })]
    public async Task Bytes_that_are_no_message_are_refused_and_the_next_call_is_served(byte[] request)
    {
        var (etcd, _) = await Calls.AskRaw(Pair.Etcd, "etcdserverpb.KV", "Put", request, Cancellation);
        var (subject, _) = await Calls.AskRaw(Pair.Subject, "etcdserverpb.KV", "Put", request, Cancellation);
        Assert.NotEqual(StatusCode.OK, etcd.StatusCode);
        Assert.Equal(etcd.StatusCode, subject.StatusCode);
        await Same(Put("a"));
    }

    [Fact]
    public async Task A_key_of_a_mebibyte_is_a_key()
    {
        var key = new string('k', 1 << 20);
        await Same(Put(key, "v"));
        Assert.Equal(1, (await Same(Range(key))).Count);
    }

    [Theory]
    [InlineData(1572864 - 40)]
    [InlineData(1572864 - 10)]
    [InlineData(1572864)]
    [InlineData(2097152 - 100)]
    public async Task Requests_around_the_bound_are_taken_or_refused_alike(int valueBytes) =>
        await SameAnswer(new PutRequest { Key = Bytes("k"), Value = ByteString.CopyFrom(new byte[valueBytes]) });

    [Fact]
    public async Task A_message_beyond_the_frame_limit_is_refused_with_its_code()
    {
        var request = new PutRequest { Key = Bytes("k"), Value = ByteString.CopyFrom(new byte[3 << 20]) };
        var etcd = await Calls.Ask(Pair.Etcd, request, Cancellation);
        var subject = await Calls.Ask(Pair.Subject, request, Cancellation);
        Assert.Equal(StatusCode.ResourceExhausted, etcd.Code);
        Assert.Equal(etcd.Code, subject.Code);
        await Same(Put("a"));
    }

    [Fact]
    public async Task A_compressed_request_is_answered()
    {
        foreach (var server in (Server[])[Pair.Etcd, Pair.Subject])
        {
            var kv = new KV.KVClient(server.Calls);
            var headers = new Metadata { { "grpc-internal-encoding-request", "gzip" } };
            var answer = await kv.PutAsync(Put("a", new string('v', 10_000)), headers, cancellationToken: Cancellation);
            Assert.Equal(Start + 1, answer.Header.Revision);
        }
    }

    [Fact]
    public async Task Health_is_serving_and_knows_no_other_service()
    {
        foreach (var server in (Server[])[Pair.Etcd, Pair.Subject])
        {
            var health = new Health.HealthClient(server.Calls);
            Assert.Equal(
                HealthCheckResponse.Types.ServingStatus.Serving,
                (await health.CheckAsync(new HealthCheckRequest(), cancellationToken: Cancellation)).Status);
            var error = await Assert.ThrowsAsync<RpcException>(async () =>
                await health.CheckAsync(new HealthCheckRequest { Service = "other" }, cancellationToken: Cancellation));
            Assert.Equal((StatusCode.NotFound, "unknown service"), (error.StatusCode, error.Status.Detail));
        }
    }

    [Fact]
    public async Task Status_and_members_have_what_clients_look_at()
    {
        foreach (var server in (Server[])[Pair.Etcd, Pair.Subject])
        {
            var status = await new Maintenance.MaintenanceClient(server.Calls).StatusAsync(new StatusRequest(), cancellationToken: Cancellation);
            Assert.Matches(@"^3\.\d+\.\d+$", status.Version);
            Assert.True(status.DbSize > 0 && status.DbSizeInUse <= status.DbSize);
            Assert.Equal(status.Header.MemberId, status.Leader);
            Assert.True(status.RaftIndex >= status.RaftAppliedIndex && status.RaftTerm >= 1);
            Assert.Equal(Start, status.Header.Revision);

            var members = await new Protos.Cluster.ClusterClient(server.Calls).MemberListAsync(new MemberListRequest { Linearizable = true }, cancellationToken: Cancellation);
            Assert.Equal(0, members.Header.Revision);
            var member = Assert.Single(members.Members);
            Assert.Equal(status.Header.MemberId, member.ID);
            Assert.Equal(server.Address, Assert.Single(member.ClientURLs));
            Assert.NotEmpty(member.PeerURLs);
        }
    }
}
