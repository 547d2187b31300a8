using Granary.Protos;
using Granary.Server.Hosting;

namespace Granary.Server.Tests;

/// <summary>The rehearsal of a start comes to its end, and again, beside a server that serves.</summary>
public sealed class RehearsalTests
{
    [Fact]
    public async Task A_start_can_be_rehearsed_beside_a_server()
    {
        await using var server = await InProcessServer.Start(TestContext.Current.CancellationToken);
        await Rehearsal.Run(TestContext.Current.CancellationToken);
        await Rehearsal.Run(TestContext.Current.CancellationToken);
        var put = await server.Kv.PutAsync(
            new PutRequest { Key = Google.Protobuf.ByteString.CopyFromUtf8("a") }, cancellationToken: TestContext.Current.CancellationToken);
        Assert.Equal(2, put.Header.Revision);
    }
}
