using Google.Protobuf;
using Granary.Grains.Hosting;
using Granary.Model;
using Granary.Mvcc.Evaluation;
using Granary.Protos;
using Granary.Storage.Replicas;
using Granary.Storage.Stores.Memory;
using Microsoft.Extensions.DependencyInjection;
using Orleans.TestingHost;

namespace Granary.Streams.Tests;

/// <summary>A test of the streams of commits on one silo, whose replica the test writes to.</summary>
public abstract class StreamTest : IAsyncLifetime
{
    protected static readonly TimeSpan Generous = TimeSpan.FromSeconds(60);

    private InProcessTestCluster? _cluster;

    protected StreamTest() => Log = new AppliedLog(Replica);

    protected static CancellationToken Stop => TestContext.Current.CancellationToken;

    // A feed of next to nothing: whoever comes late reads from the store.
    private protected Replica Replica { get; } = new(new MemoryStore(), feedBytes: 4096);

    private protected AppliedLog Log { get; }

    protected InProcessTestCluster Cluster => _cluster!;

    protected IGrainFactory Grains => Cluster.Client;

    public async ValueTask InitializeAsync()
    {
        var builder = new InProcessTestClusterBuilder(1);
        builder.ConfigureClient(client => client.Services.AddGranarySerialization());
        builder.ConfigureSilo((_, silo) =>
        {
            silo.Services.AddSingleton(Replica).AddGranarySerialization();
            silo.AddGranaryStreams();
        });
        _cluster = builder.Build();
        await _cluster.DeployAsync();
    }

    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        await Cluster.DisposeAsync();
        Replica.Dispose();
    }

    /// <summary>Puts keys at one revision.</summary>
    protected void Put(params string[] keys)
    {
        using var view = Replica.View();
        var evaluation = new BatchEvaluation(view);
        var txn = new TxnRequest();
        txn.Success.AddRange(keys.Select(key => new RequestOp { RequestPut = new PutRequest { Key = ByteString.CopyFromUtf8(key) } }));
        evaluation.Txn(txn, Stop);
        Log.Apply(evaluation);
    }
}
