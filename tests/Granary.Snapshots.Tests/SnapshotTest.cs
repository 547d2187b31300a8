using Google.Protobuf;
using Grpc.Core;

namespace Granary.Snapshots.Tests;

/// <summary>A test with files of its own and servers that move in and out by them.</summary>
public abstract class SnapshotTest : IDisposable
{
    private static readonly ByteString Everything = ByteString.CopyFrom(0);

    private readonly string _directory = Directory.CreateTempSubdirectory("granary-snapshots-").FullName;

    protected static CancellationToken Stop => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        GC.SuppressFinalize(this);
        Directory.Delete(_directory, recursive: true);
    }

    protected string PathOf(string name) => Path.Combine(_directory, name);

    protected static ByteString Bytes(string text) => ByteString.CopyFromUtf8(text);

    protected static async Task<PutResponse> Put(Server server, string key, string value, long lease = 0) =>
        await new KV.KVClient(server.Channel).PutAsync(new PutRequest { Key = Bytes(key), Value = Bytes(value), Lease = lease }, cancellationToken: Stop);

    /// <summary>Saves a snapshot with etcdctl; returns the file.</summary>
    protected async Task<string> Save(Server server, string name)
    {
        var file = PathOf(name);
        MustSucceed(await Tool.Etcdctl(server, Stop, "snapshot", "save", file));
        return file;
    }

    /// <summary>A Granary on a directory that was restored from the file.</summary>
    protected static async Task<Server> GranaryOf(string file, params string[] options)
    {
        var server = Server.NotStarted(Product.Granary);
        MustSucceed(await Tool.Granary(Stop, ["snapshot", "restore", file, "--data-dir", server.DataDirectory, .. options]));
        await server.StartAgain(Stop);
        return server;
    }

    /// <summary>A real etcd on a directory that etcdutl has restored from the file.</summary>
    protected static Task<Server> EtcdOf(string file, params string[] flags) => EtcdRestored(file, [], flags);

    /// <summary>A real etcd on a directory that etcdutl has restored from the file, with these flags.</summary>
    protected static async Task<Server> EtcdRestored(string file, string[] restoreFlags, params string[] flags)
    {
        var server = Server.NotStarted(Product.Etcd, flags);
        MustSucceed(await Tool.Etcdutl(
            Stop,
            [
                "snapshot", "restore", file, "--data-dir", server.DataDirectory, "--name", Server.Name,
                "--initial-cluster", $"{Server.Name}={server.PeerAddress}", "--initial-advertise-peer-urls", server.PeerAddress, .. restoreFlags,
            ]));
        await server.StartAgain(Stop);
        return server;
    }

    protected static void MustSucceed(Tool run) => Assert.True(run.ExitCode == 0, $"exit code {run.ExitCode}:\n{run.All}");

    protected static async Task<RangeResponse> All(Server server, long revision = 0) =>
        await new KV.KVClient(server.Channel).RangeAsync(
            new RangeRequest { Key = Everything, RangeEnd = Everything, Revision = revision }, cancellationToken: Stop);

    /// <summary>All that is there: every pair at the current revision and at some of the past, every event from the compacted revision on, leases.</summary>
    protected static async Task MustBeAlike(Server expected, Server actual, long compacted, params long[] revisions)
    {
        foreach (var revision in (long[])[0, .. revisions])
        {
            var (left, right) = (await All(expected, revision), await All(actual, revision));
            Assert.Equal(left.Header.Revision, right.Header.Revision);
            MustEqual(left.Kvs, right.Kvs, $"pairs at revision {revision}");
        }

        if (compacted > 0)
        {
            var refused = await Assert.ThrowsAsync<RpcException>(() => All(actual, compacted - 1));
            Assert.Equal("etcdserver: mvcc: required revision has been compacted", refused.Status.Detail);
        }

        var last = (await All(expected)).Header.Revision;
        MustEqual(await Events(expected, Math.Max(1, compacted), last), await Events(actual, Math.Max(1, compacted), last), "events");
        MustEqual(await Leases(expected), await Leases(actual), "leases");
    }

    protected static void MustEqual<T>(IReadOnlyList<T> expected, IReadOnlyList<T> actual, string what)
    {
        for (var i = 0; i < Math.Min(expected.Count, actual.Count); i++)
        {
            Assert.True(Equals(expected[i], actual[i]), $"{what}, {i}: {expected[i]} became {actual[i]}");
        }

        Assert.True(expected.Count == actual.Count, $"{expected.Count} {what} became {actual.Count}");
    }

    /// <summary>What a watch from a revision is told up to another at which something happened.</summary>
    private static async Task<List<Event>> Events(Server server, long first, long last)
    {
        using var call = new Protos.Watch.WatchClient(server.Channel).Watch(cancellationToken: Stop);
        await call.RequestStream.WriteAsync(
            new WatchRequest { CreateRequest = new WatchCreateRequest { Key = Everything, RangeEnd = Everything, StartRevision = first } }, Stop);
        var events = new List<Event>();
        while (events.Count == 0 || events[^1].Kv.ModRevision < last)
        {
            Assert.True(await call.ResponseStream.MoveNext(Stop), "the watch ended");
            Assert.False(call.ResponseStream.Current.Canceled, call.ResponseStream.Current.ToString());
            events.AddRange(call.ResponseStream.Current.Events);
        }

        return events;
    }

    private static async Task<List<string>> Leases(Server server)
    {
        var leases = new Protos.Lease.LeaseClient(server.Channel);
        var described = new List<string>();
        foreach (var lease in (await leases.LeaseLeasesAsync(new LeaseLeasesRequest(), cancellationToken: Stop)).Leases.OrderBy(lease => lease.ID))
        {
            var one = await leases.LeaseTimeToLiveAsync(new LeaseTimeToLiveRequest { ID = lease.ID, Keys = true }, cancellationToken: Stop);
            described.Add($"{one.ID} granted {one.GrantedTTL}: {string.Join(',', one.Keys.Select(key => key.ToStringUtf8()).Order(StringComparer.Ordinal))}");
        }

        return described;
    }
}
