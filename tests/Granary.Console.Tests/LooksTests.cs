using System.Text.Json;

namespace Granary.Console.Tests;

/// <summary>What everybody meets in every view: screen readers, narrow windows, both color schemes.</summary>
public sealed class LooksTests(Browser browser) : ConsoleTest(browser)
{
    private static readonly (string View, string Shown)[] Views =
    [
        ("#/keys", "app/"), ("#/keys?prefix=app/&key=app/color", "blue"), ("#/live?prefix=app/", "following"), ("#/leases", "Granted"), ("#/locks?name=app", "holds it"),
        ("#/cluster", "Applied index"), ("#/charts", "p99"), ("#/access", "Roles"),
    ];

    [Theory]
    [InlineData(ColorScheme.Light)]
    [InlineData(ColorScheme.Dark)]
    public async Task No_view_has_a_finding_of_axe(ColorScheme scheme)
    {
        await Fill();
        var axe = await File.ReadAllTextAsync(Path.Combine(Repository.Root, "src", "Granary.Console", "node_modules", "axe-core", "axe.min.js"), Stop);
        var page = await Open("", new BrowserNewContextOptions { ColorScheme = scheme });
        foreach (var (view, shown) in Views)
        {
            await page.GotoAsync($"{Server.Address}/console/{view}");
            await page.GetByText(shown).First.WaitForAsync();
            await page.EvaluateAsync(axe);
            var found = await page.EvaluateAsync<JsonElement>("async () => { const { violations, passes } = await axe.run(document); return { violations, passes: passes.length }; }");
            Assert.True(found.GetProperty("passes").GetInt32() > 10);
            Assert.True(found.GetProperty("violations").GetArrayLength() == 0, $"{view}: {found.GetProperty("violations")}");
        }
    }

    [Theory]
    [InlineData(400)]
    [InlineData(3840)]
    public async Task No_view_is_wider_than_its_window(int width)
    {
        await Fill();
        var page = await Open("", new BrowserNewContextOptions { ViewportSize = new ViewportSize { Width = width, Height = 800 } });
        foreach (var (view, shown) in Views)
        {
            await page.GotoAsync($"{Server.Address}/console/{view}");
            await page.GetByText(shown).First.WaitForAsync();
            Assert.Equal((view, width), (view, await page.EvaluateAsync<int>("() => document.documentElement.scrollWidth")));
        }
    }

    private async Task Fill()
    {
        var lease = await Client.GrantLeaseAsync(TimeSpan.FromMinutes(10), cancellationToken: Stop);
        await Client.PutAsync("app/color", """{"color":"blue"}""", new PutOptions { LeaseId = lease.Id }, cancellationToken: Stop);
    }
}
