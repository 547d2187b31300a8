namespace Granary.Console.Tests;

/// <summary>A page whose language runs from right to left, and keys of both directions.</summary>
public sealed class RightToLeftTests(Browser browser) : ConsoleTest(browser)
{
    private const string Mixed = "app/מפתח/ab";
    private const string Arabic = "مفاتيح/لون";

    private static readonly (string View, string Shown)[] Views =
    [
        ("#/keys", "مفاتيح"), ($"#/keys?prefix=app/&key={Mixed}", "أزرق"), ("#/live?from=1", Mixed), ("#/leases", "Granted"),
        ("#/locks?name=قفل", "من ينتظر"), ("#/cluster", "reads/s"), ("#/charts", "p99"), ("#/access", "Roles"),
    ];

    [Fact]
    public async Task Every_view_fits_its_window_and_a_key_turns_nothing_around_beside_it()
    {
        var lease = await Client.GrantLeaseAsync(TimeSpan.FromMinutes(10), cancellationToken: Stop);
        await Client.PutAsync(Mixed, """{"لون":"أزرق"}""", new PutOptions { LeaseId = lease.Id }, cancellationToken: Stop);
        await Client.PutAsync($"قفل/{lease.Id:x}", "من ينتظر", new PutOptions { LeaseId = lease.Id }, cancellationToken: Stop);
        await Put((Arabic, "1"), ("plain", "2"));
        var page = await Open("", new BrowserNewContextOptions { ViewportSize = new ViewportSize { Width = 1280, Height = 800 } });
        await page.EvaluateAsync("() => { document.documentElement.dir = 'rtl'; }");
        foreach (var width in (int[])[1280, 400])
        {
            await page.SetViewportSizeAsync(width, 800);
            foreach (var (view, shown) in Views)
            {
                // A change of what stands behind # leaves the page as it is.
                await page.GotoAsync($"{Server.Address}/console/{view}");
                await page.GetByText(shown).First.WaitForAsync();
                Assert.Equal("rtl", await page.EvaluateAsync<string>("() => getComputedStyle(document.querySelector('main')).direction"));
                Assert.Equal((view, width), (view, await page.EvaluateAsync<int>("() => document.documentElement.scrollWidth")));
                foreach (var check in (string[])[NotIsolated, TurnedAround])
                {
                    Assert.Equal((view, width, ""), (view, width, string.Join('\n', await page.EvaluateAsync<string[]>(check))));
                }
            }
        }
    }

    [Fact]
    public async Task In_the_tree_the_arrows_go_the_way_that_the_eye_does()
    {
        await Put((Mixed, "1"));
        var page = await Open("");
        await page.EvaluateAsync("() => { document.documentElement.dir = 'rtl'; }");
        await Row(page, "app/").WaitForAsync();
        await page.GetByRole(AriaRole.Tree).FocusAsync();
        await page.Keyboard.PressAsync("ArrowLeft");
        await Row(page, "מפתח/").WaitForAsync();

        // What is inside of a folder stands further to the left, and its count is left of its name.
        var outer = (await Row(page, "app/").Locator(".label").BoundingBoxAsync())!;
        var inner = (await Row(page, "מפתח/").Locator(".label").BoundingBoxAsync())!;
        var count = (await Row(page, "app/").Locator(".count").BoundingBoxAsync())!;
        Assert.True(inner.X + inner.Width < outer.X + outer.Width, $"{inner.X + inner.Width} < {outer.X + outer.Width}");
        Assert.True(count.X + count.Width <= outer.X + 1, $"{count.X + count.Width} <= {outer.X}");
        await page.Keyboard.PressAsync("ArrowRight");
        await Assertions.Expect(Row(page, "מפתח/")).ToHaveCountAsync(0);
    }

    // Texts with letters of both directions, or of the other one, that are not set apart from what is around them.
    private const string NotIsolated =
        """
        () => {
          const found = [];
          const texts = document.createTreeWalker(document.querySelector('main'), NodeFilter.SHOW_TEXT);
          for (let text = texts.nextNode(); text; text = texts.nextNode()) {
            if (!/[\u0590-\u06ff]/.test(text.data)) continue;
            let element = text.parentElement;
            const isApart = (one) => /isolate|plaintext/.test(getComputedStyle(one).unicodeBidi);
            while (element.tagName !== 'MAIN' && !isApart(element)) element = element.parentElement;
            if (element.tagName === 'MAIN') found.push(`${text.parentElement.outerHTML}`);
          }
          return found;
        }
        """;

    // Numbers with words that do not read from left to right, as English does: "3 keys" as "keys 3".
    private const string TurnedAround =
        """
        () => [...document.querySelectorAll('main *')].filter((element) => {
          const text = element.textContent;
          if (element.children.length > 0 || !/^[ -~]*$/.test(text) || !/\d.*[a-z]|[a-z].*\d|[a-z][.]$/i.test(text)) return false;
          const range = document.createRange();
          const [first, last] = [element.firstChild, element.lastChild];
          if (first?.nodeType !== Node.TEXT_NODE || !first.data || !last.data) return false;
          range.setStart(first, 0);
          range.setEnd(first, 1);
          const begin = range.getBoundingClientRect();
          range.setStart(last, last.data.length - 1);
          range.setEnd(last, last.data.length);
          const end = range.getBoundingClientRect();
          return begin.width > 0 && begin.top === end.top && begin.left > end.left;
        }).map((element) => element.outerHTML)
        """;
}
