using System.Globalization;
using Granary.Client;

namespace Granary.Server.Tests;

/// <summary>Counts in the store, at the key that it is named by.</summary>
internal sealed class CounterGrain(IGranaryClient client) : Grain, ICounterGrain
{
    public async Task<long> Next()
    {
        var key = this.GetPrimaryKeyString();
        var now = await client.GetAsync(key);
        var next = (now is null ? 0 : long.Parse(now.Value.ToString(), CultureInfo.InvariantCulture)) + 1;
        await client.PutAsync(key, next.ToString(CultureInfo.InvariantCulture));
        return next;
    }
}
