using Granary.Client;
using Microsoft.Extensions.Options;
using Orleans.Configuration;
using Orleans.Messaging;
using Orleans.Runtime;

namespace Granary.Orleans.Clustering;

/// <summary>The silos that clients may connect to.</summary>
internal sealed class GranaryGatewayList(IGranaryClient client, IOptions<ClusterOptions> cluster, IOptions<GatewayOptions> options) : IGatewayListProvider
{
    private readonly GranaryMembershipTable _table = new(client, cluster);

    public TimeSpan MaxStaleness => options.Value.GatewayListRefreshPeriod;

    public bool IsUpdatable => true;

    public Task InitializeGatewayListProvider() => Task.CompletedTask;

    public Task<IList<Uri>> GetGateways() => GetGatewaysAsync(CancellationToken.None);

    public async Task<IList<Uri>> GetGatewaysAsync(CancellationToken cancellationToken) =>
    [
        .. (await _table.ReadAllAsync(cancellationToken)).Members
            .Select(static row => row.Item1)
            .Where(static entry => entry.Status == SiloStatus.Active && entry.ProxyPort > 0)
            .Select(static entry => SiloAddress.New(entry.SiloAddress.Endpoint.Address, entry.ProxyPort, entry.SiloAddress.Generation).ToGatewayUri()),
    ];
}
