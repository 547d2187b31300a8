using CsCheck;
using Google.Protobuf;
using Granary.Model;
using Granary.Protos;
using Granary.Testing;
using Grpc.Core;

namespace Granary.Server.Tests;

/// <summary>Nothing may assume that there is one range: with several, requests are answered just the same.</summary>
[Collection("one server at a time")]
public sealed class RangesTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Random_requests_across_four_ranges_answer_as_the_model_does()
    {
        await using var server = await InProcessServer.Start(Stop, options => options with { InitialRangeSplits = ["a", "ab", "b"] });
        var model = new ModelStore();
        await Gen.OneOf(
            RandomRequests.Write,
            RandomRequests.Range.Select(range => (IMessage)range)).SampleAsync(
            async request =>
            {
                var expected = Outcome.Of(() => request is RangeRequest range ? model.Range(range) : model.Write(request));
                Assert.Equal(expected, await Answer(server, request));
            },
            iter: 3000,
            threads: 1);
        Assert.Equal(0, server.Latches.Count);
    }

    [Fact]
    public async Task Transfers_between_keys_of_different_ranges_lose_and_make_nothing()
    {
        await using var server = await InProcessServer.Start(Stop, options => options with { InitialRangeSplits = ["b", "c"] });
        string[] accounts = ["a", "b", "c"];
        foreach (var account in accounts)
        {
            await server.Kv.PutAsync(new PutRequest { Key = Key(account), Value = Key("100") }, cancellationToken: Stop);
        }

        var seed = Random.Shared.Next();
        TestContext.Current.TestOutputHelper!.WriteLine($"seed {seed}");
        using var done = CancellationTokenSource.CreateLinkedTokenSource(Stop);
        var reader = Task.Run(async () =>
        {
            while (!done.IsCancellationRequested)
            {
                var all = await server.Kv.RangeAsync(new RangeRequest { Key = Key("a"), RangeEnd = Key("d") }, cancellationToken: Stop);
                Assert.Equal(300, all.Kvs.Sum(pair => int.Parse(pair.Value.ToStringUtf8(), System.Globalization.CultureInfo.InvariantCulture)));
            }
        }, Stop);
        await Task.WhenAll(Enumerable.Range(0, 8).Select(i => Transfers(server, accounts, new Random(seed + i), 50)));
        await done.CancelAsync();
        await reader;
        Assert.Equal(0, server.Latches.Count);
    }

    private static async Task Transfers(InProcessServer server, string[] accounts, Random random, int count)
    {
        for (var made = 0; made < count;)
        {
            var from = accounts[random.Next(3)];
            var to = accounts[random.Next(3)];
            if (from == to)
            {
                continue;
            }

            var source = (await server.Kv.RangeAsync(new RangeRequest { Key = Key(from) }, cancellationToken: Stop)).Kvs[0];
            var target = (await server.Kv.RangeAsync(new RangeRequest { Key = Key(to) }, cancellationToken: Stop)).Kvs[0];
            var txn = new TxnRequest { Compare = { Unchanged(source), Unchanged(target) }, Success = { Changed(source, -1), Changed(target, 1) } };
            made += (await server.Kv.TxnAsync(txn, cancellationToken: Stop)).Succeeded ? 1 : 0;
        }
    }

    private static Compare Unchanged(KeyValue pair) =>
        new() { Key = pair.Key, Target = Compare.Types.CompareTarget.Mod, ModRevision = pair.ModRevision };

    private static RequestOp Changed(KeyValue pair, int by)
    {
        var value = int.Parse(pair.Value.ToStringUtf8(), System.Globalization.CultureInfo.InvariantCulture) + by;
        return new RequestOp { RequestPut = new PutRequest { Key = pair.Key, Value = Key(value.ToString(System.Globalization.CultureInfo.InvariantCulture)) } };
    }

    private static async Task<string> Answer(InProcessServer server, IMessage request)
    {
        try
        {
            IMessage answer = request switch
            {
                PutRequest put => await server.Kv.PutAsync(put, cancellationToken: Stop),
                DeleteRangeRequest delete => await server.Kv.DeleteRangeAsync(delete, cancellationToken: Stop),
                TxnRequest txn => await server.Kv.TxnAsync(txn, cancellationToken: Stop),
                LeaseGrantRequest grant => await new Lease.LeaseClient(server.Channel).LeaseGrantAsync(grant, cancellationToken: Stop),
                LeaseRevokeRequest revoke => await new Lease.LeaseClient(server.Channel).LeaseRevokeAsync(revoke, cancellationToken: Stop),
                _ => await server.Kv.RangeAsync((RangeRequest)request, cancellationToken: Stop),
            };
            var header = (ResponseHeader)answer.Descriptor.FindFieldByName("header").Accessor.GetValue(answer);
            (header.ClusterId, header.MemberId, header.RaftTerm) = (0, 0, 0);
            return answer.ToString()!;
        }
        catch (RpcException exception)
        {
            return exception.Status.Detail;
        }
    }

    private static ByteString Key(string text) => ByteString.CopyFromUtf8(text);
}
