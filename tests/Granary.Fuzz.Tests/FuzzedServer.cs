using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;

namespace Granary.Fuzz.Tests;

/// <summary>A server as a process of its own.</summary>
public sealed class FuzzedServer : IAsyncLifetime
{
    // For what takes milliseconds: only a server that hangs takes so long.
    public static readonly TimeSpan Deadline = TimeSpan.FromSeconds(20);

    private static readonly ByteString Key = ByteString.CopyFromUtf8("well");

    private GrpcChannel? _reached;
    private long _asked;

    public Testing.Server Server { get; private set; } = null!;

    private GrpcChannel Channel => _reached ?? Server.Channel;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public ValueTask InitializeAsync() => Start();

    public async ValueTask Start(params string[] flags) => Server = await Testing.Server.Start(Product.Granary, Stop, ["--engine=memory", "--bcrypt-cost=4", .. flags]);

    /// <summary>Asks it at another address than that of its own choice.</summary>
    public void Reach(string address) => _reached = Channels.To(address);

    public async ValueTask DisposeAsync()
    {
        _reached?.Dispose();
        await Server.DisposeAsync();
    }

    /// <summary>It runs, puts and gets are answered as always, and its log has no fault of ours.</summary>
    public async Task MustBeWell()
    {
        Assert.True(Server.IsRunning, $"the server has ended. Its log:\n{Server.Log}");
        var maintenance = new Maintenance.MaintenanceClient(Channel);
        foreach (var alarm in (AlarmType[])[AlarmType.Nospace, AlarmType.Corrupt])
        {
            await Disarm(maintenance, alarm);
        }

        var kv = new KV.KVClient(Channel);
        var value = ByteString.CopyFromUtf8($"{++_asked}");
        var put = await kv.PutAsync(new PutRequest { Key = Key, Value = value }, Options());
        var pair = Assert.Single((await kv.RangeAsync(new RangeRequest { Key = Key }, Options())).Kvs);
        Assert.Equal((value, put.Header.Revision), (pair.Value, pair.ModRevision));

        // What nobody caught is logged with its stack.
        var faults = Server.Log.Split('\n').Where(static line => line.Contains("unexpectedly", StringComparison.Ordinal) || line.Contains("   at ", StringComparison.Ordinal)).ToList();
        Assert.True(faults.Count == 0, $"faults are in its log:\n{string.Join('\n', faults)}");
    }

    private static CallOptions Options() => new(deadline: DateTime.UtcNow + Deadline, cancellationToken: Stop);

    // Whoever may call anything may have raised one, under the id of any member.
    private static async Task Disarm(Maintenance.MaintenanceClient maintenance, AlarmType alarm)
    {
        var list = await maintenance.AlarmAsync(new AlarmRequest { Action = AlarmRequest.Types.AlarmAction.Get, Alarm = alarm }, Options());
        foreach (var raised in list.Alarms)
        {
            await maintenance.AlarmAsync(
                new AlarmRequest { Action = AlarmRequest.Types.AlarmAction.Deactivate, Alarm = raised.Alarm, MemberID = raised.MemberID }, Options());
        }
    }
}
