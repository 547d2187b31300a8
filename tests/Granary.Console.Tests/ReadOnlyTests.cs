namespace Granary.Console.Tests;

/// <summary>With --console-read-only nothing that writes is offered.</summary>
public sealed class ReadOnlyTests(Browser browser) : ConsoleTest(browser)
{
    private protected override string[] Flags => ["--engine", "memory", "--console-read-only"];

    private static readonly (string View, string Shown)[] Views =
        [("#/keys?key=k", "Modified at"), ("#/leases", "Granted"), ("#/cluster", "Applied index"), ("#/access", "There are no users.")];

    [Fact]
    public async Task Nothing_that_writes_is_offered()
    {
        var lease = await Client.GrantLeaseAsync(TimeSpan.FromMinutes(10), cancellationToken: Stop);
        await Client.PutAsync("k", "v", new PutOptions { LeaseId = lease.Id }, cancellationToken: Stop);
        var page = await Open("");
        foreach (var (view, shown) in Views)
        {
            await page.GotoAsync($"{Server.Address}/console/{view}");
            await page.GetByText(shown).WaitForAsync();
            await Assertions.Expect(page.GetByText("read only")).ToBeVisibleAsync();
            foreach (var writing in (string[])["New key", "Edit", "Delete", "Revoke", "Compact", "Defragment", "Disarm", "Add user", "Add role"])
            {
                await Assertions.Expect(page.GetByRole(AriaRole.Button, new PageGetByRoleOptions { Name = writing })).ToHaveCountAsync(0);
            }
        }
    }
}
