using System.Collections.Concurrent;
using System.Globalization;
using Grpc.Core;

namespace Granary.Cluster.Tests.Postgres;

/// <summary>A database with a synchronous standby, whose primary dies: processes find the new one, and nothing acknowledged is lost.</summary>
public sealed class PostgresPromotionTests : PostgresTest
{
    private const int Writers = 8;
    private const int WritesBetween = 200;

    [Fact]
    public async Task Nothing_acknowledged_is_lost_when_a_standby_is_promoted()
    {
        await using var standby = await Database.StartSynchronousStandby(Stop);
        var both = $"Host=127.0.0.1:{Database.Port},127.0.0.1:{standby.Port};Username=granary;Database=postgres";
        Server[] servers = [Over(both), Over(both)];
        await servers[0].StartAgain(Stop);
        await servers[1].StartAgain(Stop);
        var acknowledged = new ConcurrentDictionary<long, (string Key, string Value)>();
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(Stop);
        var writers = Enumerable.Range(0, Writers).Select(Write).ToList();
        await Written();

        await Database.Kill(Stop);
        await standby.Promote(Stop);
        await Written();

        // The leader over the new primary is as mortal as over the old one.
        var leader = await standby.IsLedBy(servers[0], Stop) ? servers[0] : servers[1];
        Assert.True(await standby.IsLedBy(leader, Stop));
        await leader.Kill(Stop);
        await Written();
        await ending.CancelAsync();
        await Task.WhenAll(writers);

        var survivor = servers.Single(static server => server.IsRunning);
        foreach (var (revision, (key, value)) in acknowledged)
        {
            var range = await new KV.KVClient(survivor.Channel).RangeAsync(
                new RangeRequest { Key = Google.Protobuf.ByteString.CopyFromUtf8(key), Revision = revision }, cancellationToken: Stop);
            Assert.Equal((revision, value), (range.Kvs[0].ModRevision, range.Kvs[0].Value.ToStringUtf8()));
        }

        Task Written()
        {
            var before = acknowledged.Count;
            return Eventually.Holds("there are writes again", () => Task.FromResult(acknowledged.Count > before + WritesBetween), Generous, Stop);
        }

        async Task Write(int writer)
        {
            var target = writer;
            for (var number = 0; !ending.IsCancellationRequested; number++)
            {
                var (key, value) = ($"w{writer}", number.ToString(CultureInfo.InvariantCulture));
                try
                {
                    var revision = await Put(servers[target % servers.Length], key, value, TimeSpan.FromSeconds(2));
                    Assert.True(acknowledged.TryAdd(revision, (key, value)), $"revision {revision} was given twice");
                }
                catch (RpcException)
                {
                    target++;
                    await Task.Delay(TimeSpan.FromMilliseconds(20), Stop);
                }
            }
        }
    }
}
