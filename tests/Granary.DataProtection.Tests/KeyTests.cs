using System.Security.Cryptography;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.DataProtection.KeyManagement;
using Microsoft.AspNetCore.DataProtection.Repositories;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace Granary.DataProtection.Tests;

/// <summary>What one process of an application protects, the others read, and nobody else.</summary>
public sealed class KeyTests(BothServers servers)
{
    private readonly string _prefix = servers.NewPrefix();

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(Product.Etcd)]
    [InlineData(Product.Granary)]
    public async Task What_one_process_protects_another_reads_and_the_same_after_a_restart(Product product)
    {
        byte[] cookie;
        await using (var first = Process(servers.Of(product), _prefix))
        {
            cookie = Protector(first).Protect([1, 2, 3]);
            await using var second = Process(servers.Of(product), _prefix);
            Assert.Equal([1, 2, 3], Protector(second).Unprotect(cookie));
        }

        await using var again = Process(servers.Of(product), _prefix);
        Assert.Equal([1, 2, 3], Protector(again).Unprotect(cookie));
        await using var stranger = Process(servers.Of(product), _prefix + "else/");
        Assert.Throws<CryptographicException>(() => Protector(stranger).Unprotect(cookie));
    }

    [Theory]
    [InlineData(Product.Etcd)]
    [InlineData(Product.Granary)]
    public async Task A_key_that_is_revoked_or_deleted_is_so_for_all(Product product)
    {
        await using var first = Process(servers.Of(product), _prefix);
        var cookie = Protector(first).Protect([1, 2, 3]);
        var keys = first.GetRequiredService<IKeyManager>();
        var key = Assert.Single(keys.GetAllKeys());
        keys.RevokeKey(key.KeyId, "it got out");
        await using var second = Process(servers.Of(product), _prefix);
        Assert.Throws<CryptographicException>(() => Protector(second).Unprotect(cookie));

        // Who cleans up takes the key and its revocation away, and nothing that was written since.
        var repository = Assert.IsAssignableFrom<IDeletableXmlRepository>(first.GetRequiredService<IOptions<KeyManagementOptions>>().Value.XmlRepository);
        Assert.True(repository.DeleteElements(static elements =>
        {
            foreach (var (element, order) in elements.Select(static (element, order) => (element, order)))
            {
                element.DeletionOrder = order;
            }
        }));
        Assert.Empty(second.GetRequiredService<IKeyManager>().GetAllKeys());
    }

    [Fact]
    public async Task While_no_server_answers_a_process_goes_on_with_the_keys_that_it_has()
    {
        await using var server = await Server.Start(Product.Granary, Stop);
        await using var process = Process(server, _prefix);
        var cookie = Protector(process).Protect([1, 2, 3]);
        await server.Kill(Stop);
        Assert.Equal([1, 2, 3], Protector(process).Unprotect(cookie));
        Assert.Equal([4], Protector(process).Unprotect(Protector(process).Protect([4])));
    }

    private static ServiceProvider Process(Server server, string prefix)
    {
        var services = new ServiceCollection();
        services.AddGranaryClient(options =>
        {
            options.Endpoints.Add(server.Address);
            options.CallTimeout = TimeSpan.FromSeconds(30);
        });
        services.AddDataProtection().SetApplicationName("test").PersistKeysToGranary(prefix);
        return services.BuildServiceProvider();
    }

    private static IDataProtector Protector(ServiceProvider process) => process.GetDataProtectionProvider().CreateProtector("cookies");
}
