using System.Globalization;
using Granary.Client;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Orleans;
using Orleans.Configuration;
using Orleans.Placement;
using Orleans.Runtime;

namespace Granary.Orleans.Streams.Implicit;

/// <summary>
/// Follows a prefix and tells each grain of the keys that name it; notes in the store how far it has told. A place is noted by a txn that asks whether it is as it
/// was left, so of two that take themselves for the only one, one ends.
/// </summary>
[PreferLocalPlacement]
internal sealed partial class SubscriptionGrain(IGranaryClient client, IOptions<ClusterOptions> cluster, ILogger<SubscriptionGrain> logger) : Grain, ISubscriptionGrain
{
    // Of one call to a grain, where pairs are told as they are.
    private const int PairsAtATime = 1000;

    private ImplicitSubscription _subscription = null!;
    private string _place = "";

    // At which revision the place was noted last; 0: never.
    private long _notedAt;

    public Task Work() => Task.CompletedTask;

    public override async Task OnActivateAsync(CancellationToken cancellationToken)
    {
        _subscription = ImplicitSubscription.Parse(this.GetPrimaryKeyString());
        _place = ImplicitSubscription.Places(cluster.Value.ServiceId) + Uri.EscapeDataString(_subscription.Type.ToString()!) + "/" + Uri.EscapeDataString(_subscription.Prefix);
        var last = 0L;
        if (await client.GetAsync(_place, cancellationToken) is { } noted)
        {
            (last, _notedAt) = (long.Parse(noted.Value.ToString(), CultureInfo.InvariantCulture), noted.ModRevision);
        }
        else
        {
            last = await Now(cancellationToken);
            await Note(last);
        }

        Follow(last + 1);
    }

    private void Follow(long fromRevision) => this.GetGranaryStream(_subscription.Prefix).Subscribe(
        async update =>
        {
            await Tell(update.Revision, update.Events, mayHaveMissed: false);
            await Note(update.Revision);
        },
        fromRevision,
        async end =>
        {
            if (end is not CompactedException)
            {
                // Whoever keeps it at work tries again.
                LogEnded(logger, end, _subscription.Prefix);
                DeactivateOnIdle();
                return;
            }

            LogCompacted(logger, _subscription.Prefix);
            Follow(await TellAll() + 1);
        });

    /// <summary>Tells what there is, since what has changed is not known any more.</summary>
    /// <returns>The revision of what was told.</returns>
    private async Task<long> TellAll()
    {
        var revision = await Now(CancellationToken.None);
        var page = new List<WatchEvent>();
        await foreach (var pair in client.EnumerateAsync(KeyRange.Prefix(_subscription.Prefix), revision))
        {
            page.Add(new WatchEvent { IsDeletion = false, KeyValue = pair });
            if (page.Count == PairsAtATime)
            {
                await Tell(revision, page, mayHaveMissed: true);
                page = [];
            }
        }

        await Tell(revision, page, mayHaveMissed: true);
        await Note(revision);
        return revision;
    }

    private Task Tell(long revision, IEnumerable<WatchEvent> events, bool mayHaveMissed)
    {
        var ofGrains = new Dictionary<string, List<WatchEvent>>();
        foreach (var one in events)
        {
            if (_subscription.NameOf(one.Key) is { } name)
            {
                (ofGrains.TryGetValue(name, out var before) ? before : ofGrains[name] = []).Add(one);
            }
        }

        return Task.WhenAll(ofGrains.Select(pair => GrainFactory
            .GetGrain<IGranarySubscriber>(GrainId.Create(_subscription.Type, pair.Key))
            .OnChangesAsync(new GranaryChanges(revision, pair.Value, mayHaveMissed))));
    }

    /// <exception cref="InvalidOperationException">Another one has noted a place meanwhile; this one ends.</exception>
    private async Task Note(long revision)
    {
        var noted = await client.Txn()
            .If(When.ModRevision(_place) == _notedAt)
            .Then(Op.Put(_place, revision.ToString(CultureInfo.InvariantCulture)))
            .CommitAsync();
        if (!noted.HasSucceeded)
        {
            // Or it was this one itself, and the answer was lost.
            DeactivateOnIdle();
            throw new InvalidOperationException($"How far grains were told of '{_subscription.Prefix}' was noted by another one.");
        }

        _notedAt = noted.Revision;
    }

    private async Task<long> Now(CancellationToken cancellationToken) =>
        (await client.RangeAsync(KeyRange.Prefix(_subscription.Prefix), new RangeOptions { CountOnly = true }, cancellationToken)).Revision;

    [LoggerMessage(1, LogLevel.Warning, "Grains are not told of what changes below '{Prefix}' for a moment.")]
    private static partial void LogEnded(ILogger logger, Exception exception, string prefix);

    [LoggerMessage(2, LogLevel.Warning, "What has changed below '{Prefix}' was compacted before grains could be told: they are told of all that is there.")]
    private static partial void LogCompacted(ILogger logger, string prefix);
}
