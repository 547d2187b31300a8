namespace Granary.Console.Tests;

/// <summary>With --console-read-only nothing that writes is offered.</summary>
public sealed class ReadOnlyTests(Browser browser) : ConsoleTest(browser)
{
    private protected override string[] Flags => ["--engine", "memory", "--console-read-only"];

    [Theory]
    [InlineData("#/keys?key=k", "Modified at")]
    [InlineData("#/leases", "Granted")]
    [InlineData("#/cluster", "Applied index")]
    [InlineData("#/access", "There are no users.")]
    public async Task Nothing_that_writes_is_offered(string view, string shown)
    {
        var lease = await Client.GrantLeaseAsync(TimeSpan.FromMinutes(10), cancellationToken: Stop);
        await Client.PutAsync("k", "v", new PutOptions { LeaseId = lease.Id }, cancellationToken: Stop);
        var page = await Open(view);
        await page.GetByText(shown).WaitForAsync();
        await Assertions.Expect(page.GetByText("read only")).ToBeVisibleAsync();
        foreach (var writing in (string[])["New key", "Edit", "Delete", "Revoke", "Compact", "Defragment", "Disarm", "Add user", "Add role"])
        {
            await Assertions.Expect(page.GetByRole(AriaRole.Button, new PageGetByRoleOptions { Name = writing })).ToHaveCountAsync(0);
        }
    }
}
