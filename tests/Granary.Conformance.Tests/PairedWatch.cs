using Google.Protobuf;
using Grpc.Core;
using Xunit.Sdk;

namespace Granary.Conformance.Tests;

/// <summary>One watch stream at each server of a pair: told the same, and wanted to tell the same, response by response.</summary>
internal sealed class PairedWatch : IDisposable
{
    private static readonly TimeSpan Generous = TimeSpan.FromSeconds(30);

    private readonly AsyncDuplexStreamingCall<WatchRequest, WatchResponse> _etcd;
    private readonly AsyncDuplexStreamingCall<WatchRequest, WatchResponse> _subject;
    private readonly List<string> _told = [];

    public PairedWatch(Pair pair, Metadata? headers = null)
    {
        _etcd = new Watch.WatchClient(pair.Etcd.Calls).Watch(headers, cancellationToken: Cancellation);
        _subject = new Watch.WatchClient(pair.Subject.Calls).Watch(headers, cancellationToken: Cancellation);
    }

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async Task Send(WatchRequest request)
    {
        _told.Add(Rendering.Of(request));
        await _etcd.RequestStream.WriteAsync(request, Cancellation);
        await _subject.RequestStream.WriteAsync(request, Cancellation);
    }

    public Task Create(WatchCreateRequest request) => Send(new WatchRequest { CreateRequest = request });

    /// <summary>Creates a watcher and takes the reply, which is the same.</summary>
    public async Task<WatchResponse> Created(WatchCreateRequest request)
    {
        await Create(request);
        return await Same();
    }

    public Task Cancel(long id) => Send(new WatchRequest { CancelRequest = new WatchCancelRequest { WatchId = id } });

    public Task RequestProgress() => Send(new WatchRequest { ProgressRequest = new WatchProgressRequest() });

    /// <summary>The client has said all that it wants.</summary>
    public Task Complete() => Task.WhenAll(_etcd.RequestStream.CompleteAsync(), _subject.RequestStream.CompleteAsync());

    /// <summary>The next response of both, equal but for ids and term.</summary>
    public async Task<WatchResponse> Same()
    {
        var etcd = Next(_etcd);
        var subject = Next(_subject);
        var (expected, actual) = (await Told(etcd), await Told(subject));
        _told.Add($"    {expected}");
        return expected == actual
            ? await subject
            : throw new XunitException($"{string.Join('\n', _told.TakeLast(30))}\netcd:    {expected}\nsubject: {actual}");
    }

    /// <summary>The next events of both, as many as are wanted, however they are packed into responses. Header revisions are not compared.</summary>
    public async Task<List<Event>> SameEvents(int count)
    {
        var etcd = Events(_etcd, count);
        var subject = Events(_subject, count);
        var (expected, actual) = (await etcd, await subject);
        for (var i = 0; i < count; i++)
        {
            if (!expected[i].Equals(actual[i]))
            {
                throw new XunitException($"{string.Join('\n', _told)}\nevent {i}\netcd:    {Rendering.Of(expected[i])}\nsubject: {Rendering.Of(actual[i])}");
            }
        }

        return actual;
    }

    /// <summary>
    /// The next responses of both, equal for each watcher: among those of one revision the order of watchers is free.
    /// </summary>
    public async Task<List<WatchResponse>> SameByWatcher(int count)
    {
        var etcd = new List<WatchResponse>();
        var subject = new List<WatchResponse>();
        for (var i = 0; i < count; i++)
        {
            etcd.Add(await Next(_etcd));
            subject.Add(await Next(_subject));
        }

        Assert.Equal(ByWatcher(etcd), ByWatcher(subject));
        return subject;

        static List<string> ByWatcher(List<WatchResponse> responses) =>
            [.. responses.OrderBy(response => response.WatchId).Select(response => $"{response.WatchId} {response.Header.Revision}: {response.Events}")];
    }

    /// <summary>The responses until one is no fragment, of the subject alone and of etcd alone: each list of the same sizes.</summary>
    public async Task<(List<WatchResponse> Etcd, List<WatchResponse> Subject)> Fragments() => (await Fragments(_etcd), await Fragments(_subject));

    public void Dispose()
    {
        _etcd.Dispose();
        _subject.Dispose();
    }

    private static async Task<List<WatchResponse>> Fragments(AsyncDuplexStreamingCall<WatchRequest, WatchResponse> stream)
    {
        var fragments = new List<WatchResponse>();
        do
        {
            fragments.Add(await Next(stream));
        }
        while (fragments[^1].Fragment);
        return fragments;
    }

    private static async Task<List<Event>> Events(AsyncDuplexStreamingCall<WatchRequest, WatchResponse> stream, int count)
    {
        var events = new List<Event>();
        while (events.Count < count)
        {
            var response = await Next(stream);
            Assert.True(response.Header.Revision >= response.Events[^1].Kv.ModRevision);
            events.AddRange(response.Events);
        }

        return events;
    }

    private static async Task<WatchResponse> Next(AsyncDuplexStreamingCall<WatchRequest, WatchResponse> stream) =>
        await stream.ResponseStream.MoveNext(Cancellation).WaitAsync(Generous, Cancellation)
            ? stream.ResponseStream.Current
            : throw new XunitException("The stream ended.");

    private static async Task<string> Told(Task<WatchResponse> next)
    {
        try
        {
            var response = (await next).Clone();
            Assert.NotEqual(0UL, response.Header.MemberId);
            response.Header = new ResponseHeader { Revision = response.Header.Revision };
            return Rendering.Of((IMessage)response);
        }
        catch (TimeoutException)
        {
            return "nothing";
        }
        catch (RpcException exception)
        {
            return $"{exception.StatusCode}: {exception.Status.Detail}";
        }
    }
}
