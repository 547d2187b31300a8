using System.Net;
using Granary.Orleans.Directories;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Orleans.Configuration;
using Orleans.Runtime;

namespace Granary.Orleans.Tests;

/// <summary>What Orleans asks of a grain directory: a grain is at one place, and only who knows that place takes it away.</summary>
public sealed class GrainDirectoryTests(BothServers servers)
{
    private static readonly GrainId Grain = GrainId.Create("test", "grain/with/slashes");
    private static readonly SiloAddress First = SiloAddress.New(new IPEndPoint(IPAddress.Loopback, 11111), 1);
    private static readonly SiloAddress Second = SiloAddress.New(new IPEndPoint(IPAddress.Loopback, 11111), 12);

    private readonly string _cluster = Guid.NewGuid().ToString("N");

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(Product.Etcd)]
    [InlineData(Product.Granary)]
    public async Task A_grain_is_where_it_was_entered_first_until_that_is_taken_away(Product product)
    {
        await using var client = new GranaryClient(servers.Of(product).Address);
        var directory = Directory(client);
        Assert.Null(await directory.Lookup(Grain, Stop));
        var (there, other) = (Address(First), Address(Second));
        Assert.Equal(there, await directory.Register(there, Stop));
        Assert.Equal(there, await directory.Register(other, Stop));
        Assert.Equal(there, await directory.Register(there, Stop));
        Assert.Equal(there, await directory.Lookup(Grain, Stop));
        Assert.Equal(there.MembershipVersion, (await directory.Lookup(Grain, Stop))!.MembershipVersion);

        await directory.Unregister(other, Stop);
        Assert.Equal(there, await directory.Lookup(Grain, Stop));
        await directory.Unregister(there, Stop);
        await directory.Unregister(there, Stop);
        Assert.Null(await directory.Lookup(Grain, Stop));
        Assert.Empty(await Keys(client));
    }

    [Theory]
    [InlineData(Product.Etcd)]
    [InlineData(Product.Granary)]
    public async Task Who_knows_where_it_was_enters_it_anew(Product product)
    {
        await using var client = new GranaryClient(servers.Of(product).Address);
        var directory = Directory(client);
        var (before, now, later) = (Address(First), Address(Second), Address(Second));
        Assert.Equal(before, await directory.Register(before, null, Stop));
        Assert.Equal(before, await directory.Register(now, later, Stop));
        Assert.Equal(now, await directory.Register(now, before, Stop));
        Assert.Equal(now, await directory.Register(later, before, Stop));
        Assert.Equal(later, await directory.Register(later, now, Stop));
        Assert.Equal(2, (await Keys(client)).Count);
        await directory.Unregister(later, Stop);
        Assert.Equal(now, await directory.Register(now, before, Stop));
        await directory.Unregister(now, Stop);
        Assert.Empty(await Keys(client));
    }

    [Theory]
    [InlineData(Product.Etcd)]
    [InlineData(Product.Granary)]
    public async Task Of_many_who_enter_it_at_once_all_learn_of_the_same_one(Product product)
    {
        await using var client = new GranaryClient(servers.Of(product).Address);
        var directory = Directory(client);
        var before = Address(First);
        await directory.Register(before, Stop);
        var learned = await Task.WhenAll(Enumerable.Range(0, 32).Select(async _ => await directory.Register(Address(Second), before, Stop)));
        Assert.NotEqual(before, learned[0]);
        Assert.All(learned, one => Assert.Equal(learned[0], one));
        Assert.Equal(learned[0], await directory.Lookup(Grain, Stop));
    }

    [Theory]
    [InlineData(Product.Etcd)]
    [InlineData(Product.Granary)]
    public async Task Of_a_silo_that_is_gone_nothing_stays_and_of_others_all(Product product)
    {
        await using var client = new GranaryClient(servers.Of(product).Address);
        var directory = Directory(client);
        var addresses = Enumerable.Range(0, 200).Select(static number => Address(number % 4 == 0 ? Second : First, $"grain-{number}")).ToList();
        await Task.WhenAll(addresses.Select(address => directory.Register(address, Stop)));
        await directory.UnregisterSilos([First], Stop);
        foreach (var address in addresses)
        {
            Assert.Equal(Second.Equals(address.SiloAddress) ? address : null, await directory.Lookup(address.GrainId, Stop));
        }

        Assert.Equal(100, (await Keys(client)).Count);
        await directory.UnregisterSilos([First, Second], Stop);
        Assert.Empty(await Keys(client));
    }

    private static GrainAddress Address(SiloAddress silo, string? grain = null) => new()
    {
        GrainId = grain is null ? Grain : GrainId.Create("test", grain),
        SiloAddress = silo,
        ActivationId = ActivationId.NewId(),
        MembershipVersion = new MembershipVersion(7),
    };

    private async Task<IReadOnlyList<KeyValue>> Keys(GranaryClient client) =>
        (await client.RangeAsync(KeyRange.Prefix($"orleans/{_cluster}/"), cancellationToken: Stop)).KeyValues;

    private GranaryGrainDirectory Directory(GranaryClient client) => new("name", client, Options.Create(new ClusterOptions { ClusterId = _cluster }), NullLogger<GranaryGrainDirectory>.Instance);
}
