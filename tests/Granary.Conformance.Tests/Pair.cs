using Google.Protobuf;
using Granary.Conformance.Tests.Compatibility;

namespace Granary.Conformance.Tests;

/// <summary>An etcd and the subject under test, asked the same things.</summary>
public abstract class Pair(params string[] flags) : IAsyncLifetime
{
    private Server? _etcd;
    private Server? _subject;

    /// <summary>Flags that etcd does not have.</summary>
    protected virtual string[] OfGranary => [];

    public Server Etcd => _etcd ?? throw new InvalidOperationException("The pair is not started.");

    public Server Subject => _subject ?? throw new InvalidOperationException("The pair is not started.");

    public async ValueTask InitializeAsync()
    {
        var cancellationToken = TestContext.Current.CancellationToken;
        // What etcd loses in a crash is not looked at here; without the flushes it is much faster.
        var etcd = Server.Start(Product.Etcd, cancellationToken, [.. flags, "--unsafe-no-fsync"]);
        var subject = Testing.Subject.Start(cancellationToken, [.. flags, .. Testing.Subject.IsGranary ? OfGranary : []]);
        try
        {
            await Task.WhenAll(etcd, subject);
        }
        finally
        {
            _etcd = etcd.IsCompletedSuccessfully ? await etcd : null;
            _subject = subject.IsCompletedSuccessfully ? await subject : null;
            if (_etcd is null || _subject is null)
            {
                await DisposeAsync();
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_etcd is not null)
        {
            await _etcd.DisposeAsync();
        }

        if (_subject is not null)
        {
            await _subject.DisposeAsync();
        }

        GC.SuppressFinalize(this);
    }

    /// <summary>
    /// Brings both to the same revision, compacted there, without a key: whatever an earlier test left behind, the next one
    /// starts from equal states. Returns the revision.
    /// </summary>
    internal async Task<long> Level(CancellationToken cancellationToken)
    {
        CallNotes.LeaveOut();
        var filler = Requests.Put("filler");
        var etcd = await RevisionAfter(Etcd, filler, cancellationToken);
        var subject = await RevisionAfter(Subject, filler, cancellationToken);
        while (etcd != subject)
        {
            if (etcd < subject)
            {
                etcd = await RevisionAfter(Etcd, filler, cancellationToken);
            }
            else
            {
                subject = await RevisionAfter(Subject, filler, cancellationToken);
            }
        }

        var everything = Requests.Delete("\0", "\0");
        var revision = await RevisionAfter(Etcd, everything, cancellationToken);
        await RevisionAfter(Subject, everything, cancellationToken);
        var compaction = Requests.Compact(revision);
        await Calls.Ask(Etcd, compaction, cancellationToken);
        await Calls.Ask(Subject, compaction, cancellationToken);
        return revision;
    }

    internal async Task<(Answer Etcd, Answer Subject)> Ask(IMessage request, CancellationToken cancellationToken)
    {
        var etcd = Calls.Ask(Etcd, request, cancellationToken);
        var subject = Calls.Ask(Subject, request, cancellationToken);
        return (await etcd, await subject);
    }

    /// <summary>The last words of a server that ended though nobody stopped it; empty while both run.</summary>
    internal string LastWords() => string.Concat(new[] { Etcd, Subject }
        .Where(server => !server.IsRunning)
        .Select(server => $"\n{server.Product} has died:\n{string.Join('\n', server.Log.Split('\n').TakeLast(60))}"));

    private static async Task<long> RevisionAfter(Server server, IMessage request, CancellationToken cancellationToken)
    {
        var answer = await Calls.Ask(server, request, cancellationToken);
        return answer.Message switch
        {
            PutResponse put => put.Header.Revision,
            DeleteRangeResponse delete => delete.Header.Revision,
            _ => throw new InvalidOperationException($"{server.Product} cannot be prepared: to {Rendering.Of(request)} it says {answer}{(server.IsRunning ? "" : $", because it died:\n{server.Log}")}"),
        };
    }
}

/// <summary>The pair with default settings.</summary>
public sealed class DefaultPair : Pair;
