using System.Net.Sockets;
using Google.Protobuf;
using Granary.Grains.Hosting;
using Granary.Protos;
using Granary.Server.Configuration;
using Granary.Server.Identity;
using Grpc.Net.Client;
using Microsoft.Extensions.Logging.Abstractions;

namespace Granary.Server.Hosting;

/// <summary>
/// What a process that waits for its turn does once: it starts a server over an empty store in memory, calls it and stops it. A first start
/// takes over a second, nearly all of it for code that is loaded and compiled; when others wait for this process, that is done.
/// </summary>
internal static class Rehearsal
{
    /// <exception cref="Exception">It did not work, which says nothing of the real start.</exception>
    public static async Task Run(CancellationToken cancellationToken)
    {
        var place = Directory.CreateTempSubdirectory("granary-rehearsal-");
        try
        {
            var socket = Path.Combine(place.FullName, "socket");
            var options = new ServerOptions
            {
                Engine = Engine.Memory,
                DataDirectory = place.FullName,
                ListenClientUrls = [ListenUrl.Parse("unix://" + socket)],
                LogLevel = LogLevel.None,
            };
            using var storage = await Storage.Open(options, static _ => { }, NullLoggerFactory.Instance, cancellationToken);
            var builder = WebComposition.Prepare(options);
            builder.Services.AddGranaryStorage(storage.Replica, storage.Log);
            builder.Services.AddSingleton(storage.TemporarySpace);
            builder.Services.AddSingleton<ITokens>(new SimpleTokens(options.AuthTokenTtl, TimeProvider.System));
            builder.Services.AddSingleton<IHostLifetime, NoLifetime>();
            await using var app = WebComposition.Assemble(builder);
            await app.StartAsync(cancellationToken);
            await Call(socket, cancellationToken);
            await app.StopAsync(cancellationToken);
        }
        finally
        {
            place.Delete(recursive: true);
        }
    }

    private static async Task Call(string path, CancellationToken cancellationToken)
    {
        using var channel = GrpcChannel.ForAddress("http://rehearsal", new GrpcChannelOptions
        {
            DisposeHttpClient = true,
            HttpHandler = new SocketsHttpHandler
            {
                ConnectCallback = async (_, token) =>
                {
                    var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                    try
                    {
                        await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), token);
                        return new NetworkStream(socket, ownsSocket: true);
                    }
                    catch
                    {
                        socket.Dispose();
                        throw;
                    }
                },
            },
        });
        var key = ByteString.CopyFromUtf8("rehearsal");
        var lease = await new Lease.LeaseClient(channel).LeaseGrantAsync(new LeaseGrantRequest { TTL = 60 }, cancellationToken: cancellationToken);
        var kv = new KV.KVClient(channel);
        using var watch = new Watch.WatchClient(channel).Watch(cancellationToken: cancellationToken);
        await watch.RequestStream.WriteAsync(new WatchRequest { CreateRequest = new WatchCreateRequest { Key = key } }, cancellationToken);
        await watch.ResponseStream.MoveNext(cancellationToken);
        await kv.PutAsync(new PutRequest { Key = key, Lease = lease.ID }, cancellationToken: cancellationToken);
        await watch.ResponseStream.MoveNext(cancellationToken);
        await kv.TxnAsync(
            new TxnRequest
            {
                Compare = { new Compare { Key = key, Target = Compare.Types.CompareTarget.Version, Result = Compare.Types.CompareResult.Equal, Version = 1 } },
                Success = { new RequestOp { RequestRange = new RangeRequest { Key = key } } },
            },
            cancellationToken: cancellationToken);
        await kv.RangeAsync(new RangeRequest { Key = key }, cancellationToken: cancellationToken);
    }

    /// <summary>Neither signals nor a supervisor are the rehearsal's concern.</summary>
    private sealed class NoLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
