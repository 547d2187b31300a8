using dotnet_etcd;
using Granary.Benchmarks.Reports;
using Granary.Client;
using Granary.Testing;

namespace Granary.Benchmarks.Comparisons;

/// <summary>Two client libraries in turn, in this process, against one server: what they do in a second, and what they allocate for it.</summary>
internal sealed class ClientComparison(CompareOptions options, Report report) : IDisposable
{
    private const int Callers = 100;

    private readonly SemaphoreSlim _turn = new(1);

    /// <summary>Measures, and prints a table.</summary>
    public async Task Run(CancellationToken cancellationToken)
    {
        await using var server = await Server.Start(Product.Granary, cancellationToken);
        await using var ours = new GranaryClient(server.Address);
        var load = new ClientLoad(options);
        List<Figures> otherRounds = [];
        List<Figures> ourRounds = [];
        for (var round = 0; round < options.Rounds; round++)
        {
            // After a watch that was given up, another one of the same client waits for ever.
            using var other = new EtcdClient(server.Address, configureChannelOptions: static options => options.Credentials = Grpc.Core.ChannelCredentials.Insecure);
            otherRounds.Add(new Figures(
                await load.Measure(Callers, key => other.PutAsync(Request(key), cancellationToken: cancellationToken), cancellationToken),
                await load.Measure(Callers, key => other.GetAsync(key, cancellationToken: cancellationToken), cancellationToken),
                await ClientLoad.Watch(ours, (start, told, ending) => Watch(other, start, told, ending), cancellationToken)));
            ourRounds.Add(new Figures(
                await load.Measure(Callers, key => ours.PutAsync(key, ClientLoad.Value, cancellationToken: cancellationToken), cancellationToken),
                await load.Measure(Callers, key => ours.GetAsync(key, cancellationToken), cancellationToken),
                await ClientLoad.Watch(ours, (start, told, ending) => ClientLoad.Told(ours, start, told, ending), cancellationToken)));
            await Console.Error.WriteLineAsync($"dotnet-etcd {otherRounds[^1]}, Granary.Client {ourRounds[^1]}");
        }

        var table = report.Table("Two clients of one server", "dotnet-etcd", "Granary.Client");
        Row("puts/s, 100 callers", Better.More, static figures => figures.Put.PerSecond);
        Row("— bytes allocated for one", Better.Less, static figures => figures.Put.Bytes);
        Row("reads of one key/s, 100 callers", Better.More, static figures => figures.Get.PerSecond);
        Row("— bytes allocated for one", Better.Less, static figures => figures.Get.Bytes);
        Row("events/s of 20 watches of the same", Better.More, static figures => figures.Watch.PerSecond);
        Row("— bytes allocated for one", Better.Less, static figures => figures.Watch.Bytes);

        void Row(string name, Better better, Func<Figures, double> figure) =>
            table.Row(name, "F0", better, Median.Of(otherRounds, figure), Median.Of(ourRounds, figure), isPrincipal: true);
    }

    public void Dispose() => _turn.Dispose();

    // One after the other: its watches share a stream, on which two that begin at once get in each other's way.
    private async Task Watch(EtcdClient client, long start, Func<int, bool> told, CancellationToken ending)
    {
        var request = new Etcdserverpb.WatchRequest
        {
            CreateRequest = new Etcdserverpb.WatchCreateRequest
            {
                Key = Google.Protobuf.ByteString.CopyFromUtf8("event/"),
                RangeEnd = Google.Protobuf.ByteString.CopyFromUtf8("event0"),
                StartRevision = start,
            },
        };
        await _turn.WaitAsync(ending);
        try
        {
            await client.WatchAsync(request, (Etcdserverpb.WatchResponse response) => told(response.Events.Count), cancellationToken: ending);
        }
        finally
        {
            _turn.Release();
        }
    }

    private static Etcdserverpb.PutRequest Request(string key) =>
        new() { Key = Google.Protobuf.ByteString.CopyFromUtf8(key), Value = Google.Protobuf.UnsafeByteOperations.UnsafeWrap(ClientLoad.Value) };

    private sealed record Figures(ClientLoad.Rate Put, ClientLoad.Rate Get, ClientLoad.Rate Watch);
}
