using System.Collections.Concurrent;
using Orleans.GrainDirectory;
using Orleans.Runtime;
using Orleans.Storage;

namespace Granary.Benchmarks.Comparisons;

/// <summary>The providers of one silo, called as its grains would have them called.</summary>
internal sealed class OrleansProviders(IGrainStorage storage, IReminderTable reminders, IGrainDirectory? directory, SiloAddress silo, CompareOptions options)
{
    public const string Name = "compared";

    private const int Callers = 100;

    private readonly ConcurrentDictionary<string, GrainState<ComparedState>> _states = new();

    public async Task<Figures> Measure(CancellationToken cancellationToken)
    {
        var load = new ClientLoad(options);
        return new Figures(
            await load.Measure(Callers, Write, cancellationToken),
            await load.Measure(1, Write, cancellationToken),
            await load.Measure(Callers, Read, cancellationToken),
            await load.Measure(Callers, Remind, cancellationToken),
            directory is null ? null : await load.Measure(Callers, key => Enter(directory, key), cancellationToken));
    }

    // Each grain has its state with the etag of its last write.
    private async Task Write(string key)
    {
        var state = _states.GetOrAdd(key, static _ => new GrainState<ComparedState>());
        if (state.ETag is null)
        {
            await storage.ReadStateAsync("state", Grain(key), state);
        }

        state.State = new ComparedState { Bytes = ClientLoad.Value };
        await storage.WriteStateAsync("state", Grain(key), state);
    }

    private Task Read(string key) => storage.ReadStateAsync("state", Grain(key), new GrainState<ComparedState>());

    private Task Remind(string key) => reminders.UpsertRow(new ReminderEntry
    {
        GrainId = Grain(key),
        ReminderName = "wake",
        StartAt = DateTime.UtcNow,
        Period = TimeSpan.FromHours(1),
    });

    private async Task Enter(IGrainDirectory entries, string key)
    {
        var address = new GrainAddress { GrainId = Grain(key), SiloAddress = silo, ActivationId = ActivationId.NewId(), MembershipVersion = new MembershipVersion(1) };
        await entries.Register(address);
        await entries.Unregister(address);
    }

    private static GrainId Grain(string key) => GrainId.Create("compared", key);

    internal sealed record Figures(ClientLoad.Rate Write, ClientLoad.Rate WriteOfOne, ClientLoad.Rate Read, ClientLoad.Rate Reminder, ClientLoad.Rate? Entry);
}
