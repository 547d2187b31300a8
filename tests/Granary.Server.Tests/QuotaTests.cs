using Google.Protobuf;
using Granary.Mvcc.Errors;
using Granary.Protos;
using Granary.Server.Configuration;
using Grpc.Core;

namespace Granary.Server.Tests;

/// <summary>A store that gets to its quota: what is refused, what is not, and how it comes back.</summary>
[Collection("one server at a time")]
public sealed class QuotaTests
{
    private const int QuotaBytes = 4 << 20;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(Engine.Memory)]
    [InlineData(Engine.Embedded)]
    public async Task A_full_store_raises_the_alarm_frees_space_and_goes_on_when_it_is_disarmed(object engine)
    {
        await using var server = await InProcessServer.Start(Stop, options => options with { Engine = (Engine)engine, QuotaBackendBytes = QuotaBytes });
        var maintenance = new Maintenance.MaintenanceClient(server.Channel);
        await Fill(server);
        var alarm = Assert.Single((await maintenance.AlarmAsync(new AlarmRequest(), cancellationToken: Stop)).Alarms);
        Assert.Equal((server.Replica.State.MemberId, AlarmType.Nospace), (alarm.MemberID, alarm.Alarm));

        // Space alone does not end it.
        await server.Kv.DeleteRangeAsync(new DeleteRangeRequest { Key = Key(""), RangeEnd = ByteString.CopyFrom(0) }, cancellationToken: Stop);
        await server.Kv.CompactAsync(new CompactionRequest { Revision = server.Replica.State.Revision, Physical = true }, cancellationToken: Stop);
        await maintenance.DefragmentAsync(new DefragmentRequest(), cancellationToken: Stop);
        Assert.True(server.Replica.Store.SizeBytes < QuotaBytes, $"{server.Replica.Store.SizeBytes} bytes are left");
        await MustBeFull(server);

        await maintenance.AlarmAsync(
            new AlarmRequest { Action = AlarmRequest.Types.AlarmAction.Deactivate, MemberID = alarm.MemberID, Alarm = AlarmType.Nospace }, cancellationToken: Stop);
        await server.Kv.PutAsync(new PutRequest { Key = Key("again") }, cancellationToken: Stop);
    }

    [Fact]
    public async Task The_alarm_outlives_a_restart()
    {
        var directory = Directory.CreateTempSubdirectory("granary-quota-").FullName;
        ServerOptions Embedded(ServerOptions options) => options with { Engine = Engine.Embedded, DataDirectory = directory, QuotaBackendBytes = QuotaBytes };
        await using (var server = await InProcessServer.Start(Stop, Embedded))
        {
            await Fill(server);
        }

        await using (var server = await InProcessServer.Start(Stop, options => Embedded(options) with { QuotaBackendBytes = 1 << 30 }))
        {
            await MustBeFull(server);
        }

        Directory.Delete(directory, recursive: true);
    }

    [Fact]
    public async Task Without_a_quota_there_is_none()
    {
        await using var server = await InProcessServer.Start(Stop, options => options with { QuotaBackendBytes = -1 });
        for (var i = 0; i < 10; i++)
        {
            await server.Kv.PutAsync(Large(i), cancellationToken: Stop);
        }
    }

    private static async Task Fill(InProcessServer server)
    {
        for (var i = 0; ; i++)
        {
            Assert.True(i < 100, "the quota is never met");
            try
            {
                await server.Kv.PutAsync(Large(i), cancellationToken: Stop);
            }
            catch (RpcException exception)
            {
                Assert.Equal((EtcdError.NoSpace.Code, EtcdError.NoSpace.Text), (exception.StatusCode, exception.Status.Detail));
                return;
            }
        }
    }

    private static async Task MustBeFull(InProcessServer server)
    {
        var error = await Assert.ThrowsAsync<RpcException>(async () => await server.Kv.PutAsync(new PutRequest { Key = Key("one more") }, cancellationToken: Stop));
        Assert.Equal(EtcdError.NoSpace.Text, error.Status.Detail);
    }

    // Not to be compressed.
    private static PutRequest Large(int i)
    {
        var value = new byte[500_000];
        new Random(i).NextBytes(value);
        return new PutRequest { Key = Key($"k{i}"), Value = ByteString.CopyFrom(value) };
    }

    private static ByteString Key(string key) => key.Length == 0 ? ByteString.CopyFrom(0) : ByteString.CopyFromUtf8(key);
}
