using System.Diagnostics;
using Google.Protobuf;
using Grpc.Core;

namespace Granary.Cluster.Tests;

/// <summary>A server that can write no more tells its callers, says why, and ends with a code of its own, so that it is started again.</summary>
public sealed class FailedLogTests
{
    private const int ExitCode = 74;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_failing_fdatasync_ends_the_server_and_nothing_that_was_acknowledged_is_lost()
    {
        await using var server = await Server.Start(Product.Granary, Stop);
        var written = await Put(server, "before");
        using var strace = Tool.Start(
            await Repository.Tool("get-strace", Stop),
            ["-f", "--seccomp-bpf", "-q", "-p", $"{server.ProcessId}", "-e", "trace=fdatasync", "-e", "inject=fdatasync:error=EIO", "-o", "/dev/null"]);
        try
        {
            // Until it has attached itself to every thread, flushes still succeed.
            await FailsAtLast(server);
            await MustEnd(server, "Input/output error");
        }
        finally
        {
            strace.Kill();
            await strace.WaitForExitAsync(Stop);
        }

        await server.StartAgain(Stop);
        Assert.True(await Get(server, "before") >= written);
    }

    [Fact]
    public async Task A_log_file_that_is_cut_while_it_is_written_ends_the_server_and_nothing_that_was_acknowledged_is_lost()
    {
        await using var server = await Server.Start(Product.Granary, Stop);
        var written = await Put(server, "before");
        var segments = Directory.GetFiles(Path.Combine(server.DataDirectory, "log"), "*.segment");
        var length = new FileInfo(segments[0]).Length;
        Array.ForEach(segments, segment => SetLength(segment, 1 << 20));
        await FailsAtLast(server);
        await MustEnd(server, "cut");

        // Who cut the file may have taken records with it: it is not started as if nothing had been.
        var refused = await server.StartExpectingRefusal(Stop);
        Assert.Contains("The log is damaged", refused.Said, StringComparison.Ordinal);
        Array.ForEach(segments, segment => SetLength(segment, length));
        await server.StartAgain(Stop);
        Assert.Equal(written, await Get(server, "before"));
    }

    private static async Task MustEnd(Server server, string cause)
    {
        // For a moment whoever asks for its health is told.
        var health = PlainHttp.Get(server.Address + "/health", Stop);
        Assert.Equal(ExitCode, await server.Ended("its log failed", Stop));
        Assert.Contains("RAFT NO LEADER", await health, StringComparison.Ordinal);
        var line = server.Log.Split('\n').Single(line => line.StartsWith("granary: ", StringComparison.Ordinal));
        Assert.Contains("nothing could be written any more", line, StringComparison.Ordinal);
        Assert.Contains(cause, line, StringComparison.Ordinal);
    }

    private static async Task FailsAtLast(Server server)
    {
        Status status = default;
        await Eventually.Holds(
            "a put fails",
            async () =>
            {
                try
                {
                    await Put(server, "later");
                    return false;
                }
                catch (RpcException exception)
                {
                    status = exception.Status;
                    return true;
                }
            },
            TimeSpan.FromSeconds(60),
            Stop);
        Assert.Equal((StatusCode.Unavailable, "etcdserver: request timed out"), (status.StatusCode, status.Detail));
    }

    private static void SetLength(string path, long length)
    {
        using var file = File.Open(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite);
        file.SetLength(length);
    }

    private static async Task<long> Put(Server server, string key) =>
        (await new KV.KVClient(server.Channel).PutAsync(new PutRequest { Key = ByteString.CopyFromUtf8(key) }, cancellationToken: Stop)).Header.Revision;

    private static async Task<long> Get(Server server, string key) =>
        (await new KV.KVClient(server.Channel).RangeAsync(new RangeRequest { Key = ByteString.CopyFromUtf8(key) }, cancellationToken: Stop)).Kvs.Single().ModRevision;
}
