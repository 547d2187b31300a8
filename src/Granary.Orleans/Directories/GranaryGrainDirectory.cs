using System.Text.Json;
using Granary.Client;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Orleans.Configuration;
using Orleans.GrainDirectory;
using Orleans.Runtime;

namespace Granary.Orleans.Directories;

/// <summary>
/// Where each grain is. A second key, below its silo, comes and goes with each entry in one txn, so that the grains of a silo that is gone can be found.
/// </summary>
internal sealed partial class GranaryGrainDirectory(
    string name, IGranaryClient client, IOptions<ClusterOptions> cluster, ILogger<GranaryGrainDirectory> logger) : IGrainDirectory
{
    // Entries of a silo that is gone, at once.
    private const int Removals = 16;

    // What may have been done is found out by doing it again: each change names what it changes.
    private const int MaxAttempts = 5;

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(200);

    private readonly string _prefix = $"orleans/{Uri.EscapeDataString(cluster.Value.ClusterId)}/directory/{Uri.EscapeDataString(name)}/";

    public Task<GrainAddress?> Register(GrainAddress address) => Register(address, previousAddress: null, CancellationToken.None);

    public Task<GrainAddress?> Register(GrainAddress address, CancellationToken cancellationToken) => Register(address, previousAddress: null, cancellationToken);

    public Task<GrainAddress?> Register(GrainAddress address, GrainAddress? previousAddress) => Register(address, previousAddress, CancellationToken.None);

    /// <summary>Enters a grain's address, unless there is one. One that is the previous one is replaced.</summary>
    /// <returns>The address that there is now.</returns>
    public Task<GrainAddress?> Register(GrainAddress address, GrainAddress? previousAddress, CancellationToken cancellationToken) =>
        UntilAnswered(() => RegisterOnce(address, previousAddress, cancellationToken), cancellationToken);

    public Task Unregister(GrainAddress address) => Unregister(address, CancellationToken.None);

    /// <summary>Removes a grain's address, if it is this one.</summary>
    public Task Unregister(GrainAddress address, CancellationToken cancellationToken) => Remove(address.GrainId, address.Matches, cancellationToken);

    public Task<GrainAddress?> Lookup(GrainId grainId) => Lookup(grainId, CancellationToken.None);

    public async Task<GrainAddress?> Lookup(GrainId grainId, CancellationToken cancellationToken) =>
        await client.GetAsync(Key(grainId), cancellationToken) is { } pair ? Entry.Decode(grainId, pair.Value) : null;

    public Task UnregisterSilos(List<SiloAddress> siloAddresses) => UnregisterSilos(siloAddresses, CancellationToken.None);

    /// <summary>Forgets what silos have carried that are gone. What cannot be forgotten now is when it is looked for.</summary>
    public async Task UnregisterSilos(List<SiloAddress> siloAddresses, CancellationToken cancellationToken)
    {
        foreach (var silo in siloAddresses)
        {
            try
            {
                await UntilAnswered(
                    async () =>
                    {
                        await Unregister(silo, cancellationToken);
                        return true;
                    },
                    cancellationToken);
            }
            catch (GranaryException exception)
            {
                // Orleans would forget no silo any more if this failed.
                LogLeft(logger, silo, exception);
            }
        }
    }

    private async Task<GrainAddress?> RegisterOnce(GrainAddress address, GrainAddress? previousAddress, CancellationToken cancellationToken)
    {
        var key = Key(address.GrainId);

        // What is there, as far as is known: nothing at first.
        GrainAddress? there = null;
        var revision = 0L;
        while (true)
        {
            List<Operation> operations = [Op.Put(key, Entry.Encode(address)), Op.Put(OfSilo(address), default)];
            if (there is not null && OfSilo(there) != OfSilo(address))
            {
                operations.Add(Op.Delete(OfSilo(there)));
            }

            var entered = await client.Txn().If(When.ModRevision(key) == revision).Then([.. operations]).Else(Op.Range(key)).CommitAsync(cancellationToken);
            if (entered.HasSucceeded)
            {
                return address;
            }

            (there, revision) = entered.Results[0].Range!.KeyValues is [var pair] ? (Entry.Decode(address.GrainId, pair.Value), pair.ModRevision) : (null, 0L);
            if (there is not null && (previousAddress is null || there.Matches(address) || !there.Matches(previousAddress)))
            {
                return there;
            }
        }
    }

    private async Task Unregister(SiloAddress silo, CancellationToken cancellationToken)
    {
        var prefix = OfSilo(silo);
        var parallel = new ParallelOptions { MaxDegreeOfParallelism = Removals, CancellationToken = cancellationToken };
        await Parallel.ForEachAsync(client.EnumerateAsync(KeyRange.Prefix(prefix), cancellationToken: cancellationToken), parallel, async (pair, cancellationToken) =>
        {
            var grain = GrainId.Parse(Uri.UnescapeDataString(pair.Key.ToString()[prefix.Length..]), null);
            await Remove(grain, address => silo.Equals(address.SiloAddress), cancellationToken);
        });
    }

    private Task<bool> Remove(GrainId grain, Predicate<GrainAddress> isMeant, CancellationToken cancellationToken) => UntilAnswered(
        async () =>
        {
            var key = Key(grain);
            while (await client.GetAsync(key, cancellationToken) is { } pair && Entry.Decode(grain, pair.Value) is var there && isMeant(there))
            {
                var removed = await client.Txn()
                    .If(When.ModRevision(key) == pair.ModRevision)
                    .Then(Op.Delete(key), Op.Delete(OfSilo(there)))
                    .CommitAsync(cancellationToken);
                if (removed.HasSucceeded)
                {
                    break;
                }
            }

            return true;
        },
        cancellationToken);

    private static async Task<T> UntilAnswered<T>(Func<Task<T>> change, CancellationToken cancellationToken)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                return await change();
            }
            catch (GranaryException exception) when (attempt < MaxAttempts && (exception.MayHaveHappened || exception is CompactedException))
            {
                await Task.Delay(Pause, cancellationToken);
            }
        }
    }

    private string Key(GrainId grain) => $"{_prefix}grains/{Uri.EscapeDataString(grain.ToString())}";

    private string OfSilo(GrainAddress address) => OfSilo(address.SiloAddress!) + Uri.EscapeDataString(address.GrainId.ToString());

    private string OfSilo(SiloAddress silo) => $"{_prefix}silos/{silo.ToParsableString()}/";

    [LoggerMessage(1, LogLevel.Warning, "What {Silo} has carried is not all forgotten yet.")]
    private static partial void LogLeft(ILogger logger, SiloAddress silo, Exception exception);

    /// <summary>What the store keeps of an address, as JSON that people can read.</summary>
    private sealed record Entry(string Silo, string Activation, long MembershipVersion)
    {
        public static Bytes Encode(GrainAddress address) => JsonSerializer.SerializeToUtf8Bytes(
            new Entry(address.SiloAddress!.ToParsableString(), address.ActivationId.ToParsableString(), address.MembershipVersion.Value));

        public static GrainAddress Decode(GrainId grain, Bytes value)
        {
            var entry = JsonSerializer.Deserialize<Entry>(value.Span)!;
            return new GrainAddress
            {
                GrainId = grain,
                SiloAddress = SiloAddress.FromParsableString(entry.Silo),
                ActivationId = ActivationId.FromParsableString(entry.Activation),
                MembershipVersion = new MembershipVersion(entry.MembershipVersion),
            };
        }
    }
}
