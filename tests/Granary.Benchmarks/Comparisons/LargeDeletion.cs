using System.Diagnostics;
using System.Globalization;
using Google.Protobuf;
using Granary.Benchmarks.Load;
using Granary.Protos;

namespace Granary.Benchmarks.Comparisons;

/// <summary>How long the deletion of very many keys takes, and how long others wait meanwhile; in milliseconds.</summary>
internal sealed record LargeDeletion(double Deleting, double SlowestPut)
{
    public const int Keys = 100_000;

    private const int KeysPerTxn = 100;
    private const int Clients = 100;
    private const long TtlSeconds = 3600;

    // Puts are under way before it, and for a while after.
    private static readonly TimeSpan PutsBefore = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan PutsAfter = TimeSpan.FromSeconds(1);

    /// <summary>Has a lease with all keys revoked.</summary>
    public static Task<LargeDeletion> ByLease(Connection[] connections, CancellationToken cancellationToken) => Measure(
        connections,
        async lease => await connections[2].Lease.LeaseRevokeAsync(new LeaseRevokeRequest { ID = lease }, cancellationToken: cancellationToken),
        cancellationToken);

    /// <summary>Has all keys deleted by one range.</summary>
    public static Task<LargeDeletion> ByRange(Connection[] connections, CancellationToken cancellationToken) => Measure(
        connections,
        async _ => await connections[2].Kv.DeleteRangeAsync(
            new DeleteRangeRequest { Key = ByteString.CopyFromUtf8("of-lease/"), RangeEnd = ByteString.CopyFromUtf8("of-lease0") },
            cancellationToken: cancellationToken),
        cancellationToken);

    /// <summary>Attaches many keys to a lease, then has them deleted at once while one client watches them and another one goes on putting.</summary>
    private static async Task<LargeDeletion> Measure(Connection[] connections, Func<long, Task> delete, CancellationToken cancellationToken)
    {
        var lease = (await connections[0].Lease.LeaseGrantAsync(new LeaseGrantRequest { TTL = TtlSeconds }, cancellationToken: cancellationToken)).ID;
        await ManyClients.ForEach(
            Clients,
            Keys / KeysPerTxn,
            async (client, txn) =>
            {
                var puts = new TxnRequest();
                for (var i = txn * KeysPerTxn; i < (txn + 1) * KeysPerTxn; i++)
                {
                    puts.Success.Add(new RequestOp { RequestPut = new PutRequest { Key = Key(i), Value = Key(i), Lease = lease } });
                }

                await connections[client % connections.Length].Kv.TxnAsync(puts, cancellationToken: cancellationToken);
            },
            cancellationToken);
        using var watch = connections[3].Watch.Watch(cancellationToken: cancellationToken);
        await watch.RequestStream.WriteAsync(
            new WatchRequest { CreateRequest = new WatchCreateRequest { Key = Key(0), RangeEnd = Key(Keys) } }, cancellationToken);
        await watch.ResponseStream.MoveNext(cancellationToken);
        using var done = new CancellationTokenSource();
        var slowest = TimeSpan.Zero;
        var putting = Task.Run(
            async () =>
            {
                while (!done.IsCancellationRequested)
                {
                    var start = Stopwatch.GetTimestamp();
                    await connections[1].Kv.PutAsync(new PutRequest { Key = ByteString.CopyFromUtf8("other") }, cancellationToken: cancellationToken);
                    slowest = TimeSpan.FromTicks(Math.Max(slowest.Ticks, Stopwatch.GetElapsedTime(start).Ticks));
                }
            },
            cancellationToken);
        await Task.Delay(PutsBefore, cancellationToken);
        slowest = TimeSpan.Zero;
        var begin = Stopwatch.GetTimestamp();
        await delete(lease);
        var deleting = Stopwatch.GetElapsedTime(begin);
        for (var events = 0; events < Keys; events += watch.ResponseStream.Current.Events.Count)
        {
            await watch.ResponseStream.MoveNext(cancellationToken);
        }

        await Task.Delay(PutsAfter, cancellationToken);
        await done.CancelAsync();
        await putting;
        return new LargeDeletion(deleting.TotalMilliseconds, slowest.TotalMilliseconds);
    }

    private static ByteString Key(int i) => ByteString.CopyFromUtf8(string.Create(CultureInfo.InvariantCulture, $"of-lease/{i:D8}"));
}
