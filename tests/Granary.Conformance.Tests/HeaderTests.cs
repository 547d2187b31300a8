using Grpc.Core;
using static Granary.Conformance.Tests.Requests;

namespace Granary.Conformance.Tests;

/// <summary>The ids, the term and the revision in the headers of one server, over time.</summary>
public sealed class HeaderTests(DefaultPair pair) : ConformanceTest(pair), IClassFixture<DefaultPair>
{
    [Fact]
    public async Task Ids_are_set_and_stay_and_neither_term_nor_revision_goes_back()
    {
        foreach (var server in (Server[])[Pair.Etcd, Pair.Subject])
        {
            var kv = new KV.KVClient(server.Calls);
            var headers = new List<ResponseHeader>();
            for (var i = 0; i < 3; i++)
            {
                headers.Add((await kv.PutAsync(Put("a"), cancellationToken: Cancellation)).Header);
                headers.Add((await kv.RangeAsync(Range("a", revision: headers[^1].Revision), cancellationToken: Cancellation)).Header);
                headers.Add((await kv.RangeAsync(Range("a", serializable: true), cancellationToken: Cancellation)).Header);
                headers.Add((await kv.TxnAsync(Txn(then: [Range("a")]), cancellationToken: Cancellation)).Header);
                headers.Add((await kv.CompactAsync(Compact(headers[^1].Revision), cancellationToken: Cancellation)).Header);
                headers.Add((await kv.DeleteRangeAsync(Delete("a"), cancellationToken: Cancellation)).Header);
                headers.Add((await kv.TxnAsync(Txn(then: [Put("b")]), cancellationToken: Cancellation)).Header);
            }

            Assert.NotEqual(0UL, Assert.Single(headers.Select(header => header.ClusterId).Distinct()));
            Assert.NotEqual(0UL, Assert.Single(headers.Select(header => header.MemberId).Distinct()));
            Assert.True(headers[0].RaftTerm >= 1);
            Assert.Equal(headers.Select(header => header.RaftTerm).Order(), headers.Select(header => header.RaftTerm));
            Assert.Equal(headers.Select(header => header.Revision).Order(), headers.Select(header => header.Revision));
        }
    }

    [Fact]
    public async Task Ids_outlive_a_restart_and_the_term_does_not_go_back()
    {
        await using var server = await Subject.Start(Cancellation);
        var before = (await new KV.KVClient(server.Calls).PutAsync(Put("a"), cancellationToken: Cancellation)).Header;
        await server.Stop(Cancellation);
        await server.StartAgain(Cancellation);
        var after = (await new KV.KVClient(server.Calls).RangeAsync(Range("a"), cancellationToken: Cancellation)).Header;
        Assert.Equal((before.ClusterId, before.MemberId, before.Revision), (after.ClusterId, after.MemberId, after.Revision));
        Assert.True(after.RaftTerm >= before.RaftTerm);
    }

    [Fact]
    public async Task An_acknowledged_write_is_seen_by_every_read_that_begins_after_it()
    {
        // Many connections at once, each reading right after its own write: what one batch of writes leaves out would show here.
        var writers = Enumerable.Range(0, 16).Select(async writer =>
        {
            using var channel = Channels.To(Pair.Subject.Address);
            var kv = new KV.KVClient(channel);
            for (var i = 0; i < 50; i++)
            {
                var written = await kv.PutAsync(Put($"w{writer}", $"{i}"), cancellationToken: Cancellation);
                var read = await kv.RangeAsync(Range($"w{writer}"), cancellationToken: Cancellation);
                Assert.True(read.Header.Revision >= written.Header.Revision);
                Assert.Equal(written.Header.Revision, Assert.Single(read.Kvs).ModRevision);
            }
        });
        await Task.WhenAll(writers);
    }

    [Theory]
    [InlineData("hasleader", "true")]
    [InlineData("client-api-version", "3.5.30")]
    [InlineData("token", "of no use while authentication is off")]
    [InlineData("authorization", "of no use either")]
    public async Task What_clients_add_to_their_calls_changes_nothing(string name, string value)
    {
        foreach (var server in (Server[])[Pair.Etcd, Pair.Subject])
        {
            var answer = await new KV.KVClient(server.Calls).PutAsync(Put("a"), new Metadata { { name, value } }, cancellationToken: Cancellation);
            Assert.Equal(Start + 1, answer.Header.Revision);
        }
    }
}
