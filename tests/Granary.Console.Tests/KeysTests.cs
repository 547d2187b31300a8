using System.Diagnostics;
using System.Globalization;

namespace Granary.Console.Tests;

/// <summary>The view of the keys: the tree, one key, its history.</summary>
public sealed class KeysTests(Browser browser) : ConsoleTest(browser)
{
    [Fact]
    public async Task Folders_open_and_say_how_many_keys_they_have()
    {
        await Put(("a/b/1", "one"), ("a/b/2", "two"), ("a/c", "three"), ("a", "itself"), ("z", "last"));
        var page = await Open("");
        await Assertions.Expect(page).ToHaveTitleAsync("Keys · Granary");
        await Assertions.Expect(page.GetByTestId("tree-count")).ToHaveTextAsync("5 keys");
        await Assertions.Expect(page.GetByRole(AriaRole.Treeitem)).ToHaveTextAsync(["a", "▸a/3", "z"]);
        await Row(page, "a/").ClickAsync();
        await Assertions.Expect(page.GetByRole(AriaRole.Treeitem)).ToHaveTextAsync(["a", "▾a/3", "▸b/2", "c", "z"]);
        await Row(page, "b/").ClickAsync();
        await page.GetByRole(AriaRole.Treeitem, new PageGetByRoleOptions { Name = "2", Exact = true }).ClickAsync();
        await Assertions.Expect(page.GetByRole(AriaRole.Tabpanel)).ToContainTextAsync("two");
    }

    [Fact]
    public async Task The_tree_is_walked_by_keys_alone()
    {
        await Put(("a/b/1", "one"), ("a/b/2", "two"), ("z", "last"));
        var page = await Open("");
        await Row(page, "a/").WaitForAsync();
        await page.Keyboard.PressAsync("/");
        await Assertions.Expect(page.GetByRole(AriaRole.Searchbox)).ToBeFocusedAsync();
        await page.GetByRole(AriaRole.Tree).FocusAsync();

        // The first opens the folder, the second goes to what is in it, the third opens that.
        await page.Keyboard.PressAsync("ArrowRight");
        await Row(page, "b/").WaitForAsync();
        await page.Keyboard.PressAsync("ArrowRight");
        await page.Keyboard.PressAsync("ArrowRight");
        await Row(page, "1").WaitForAsync();
        await page.Keyboard.PressAsync("End");
        await page.Keyboard.PressAsync("Enter");
        await Assertions.Expect(page.GetByRole(AriaRole.Tabpanel)).ToContainTextAsync("last");
        await page.GetByRole(AriaRole.Tree).FocusAsync();
        await page.Keyboard.PressAsync("Home");
        await page.Keyboard.PressAsync("ArrowLeft");
        await Assertions.Expect(page.GetByRole(AriaRole.Treeitem)).ToHaveCountAsync(2);
        await page.Keyboard.PressAsync("?");
        await Assertions.Expect(Dialog(page)).ToContainTextAsync("Help");
        await page.Keyboard.PressAsync("Escape");
        await Assertions.Expect(Dialog(page)).ToHaveCountAsync(0);
    }

    [Fact]
    public async Task A_key_or_a_prefix_is_gone_to_and_the_link_can_be_shared()
    {
        await Put(("deep/in/there/key", "found"), ("deep/in/there/other", "x"));
        var page = await Open("");
        await page.GetByRole(AriaRole.Searchbox).FillAsync("deep/in/there/key");
        await page.Keyboard.PressAsync("Enter");
        await Assertions.Expect(page.GetByRole(AriaRole.Tabpanel)).ToContainTextAsync("found");
        var other = await Open(new Uri(page.Url).Fragment);
        await Assertions.Expect(other.GetByRole(AriaRole.Tabpanel)).ToContainTextAsync("found");
        await Assertions.Expect(other.GetByRole(AriaRole.Treeitem)).ToHaveTextAsync(["key", "other"]);
        await page.GetByRole(AriaRole.Searchbox).FillAsync("deep/in/there/o");
        await page.Keyboard.PressAsync("Enter");
        await Assertions.Expect(page.GetByRole(AriaRole.Treeitem)).ToHaveTextAsync(["ther"]);
    }

    [Fact]
    public async Task Markup_in_keys_and_values_is_text()
    {
        const string Markup = "<script>document.title='run'</script><img src=x onerror=\"document.title='run'\">";
        await Put(("<script>document.title='run'<-script>", Markup));
        var page = await Open("");
        await Row(page, "<script>document").ClickAsync();
        await Assertions.Expect(page.GetByRole(AriaRole.Tabpanel)).ToContainTextAsync(Markup);
        await Assertions.Expect(page.GetByRole(AriaRole.Heading, new PageGetByRoleOptions { Level = 2 })).ToHaveTextAsync("<script>document.title='run'<-script>");
        await Assertions.Expect(page).ToHaveTitleAsync("Keys · Granary");
    }

    [Fact]
    public async Task Of_a_million_keys_the_first_are_there_at_once_and_a_folder_of_100000_children_comes_by_pages()
    {
        await Put([.. Enumerable.Range(0, 100_000).Select(static i => ($"flat/{i:D6}", "v"))]);
        await Put([.. Enumerable.Range(0, 900_000).Select(static i => ($"teams/{i % 400:D3}/{i}", "v"))]);
        var page = await Open("");
        await Assertions.Expect(Row(page, "flat/")).ToContainTextAsync("100,000");
        var began = Stopwatch.GetTimestamp();
        page = await Open("");
        await Row(page, "flat/").WaitForAsync();
        var first = (long)Stopwatch.GetElapsedTime(began).TotalMilliseconds;
        await Assertions.Expect(Row(page, "flat/")).ToContainTextAsync("100,000");
        var opening = await Opened(page, "flat/", "000000");
        TestContext.Current.TestOutputHelper!.WriteLine($"1,000,000 keys: first view after {first} ms; 100,000 children: first page after {opening} ms");
        Assert.InRange(first, 0, 10_000);
        Assert.InRange(opening, 0, 3000);
        Assert.InRange(await page.GetByRole(AriaRole.Treeitem).CountAsync(), 20, 100);
        await page.GetByRole(AriaRole.Tree).FocusAsync();
        await page.Keyboard.PressAsync("End");
        await page.Keyboard.PressAsync("ArrowUp");
        await Row(page, "More…").ClickAsync();
        await Row(page, "000201").WaitForAsync();
        await page.GetByRole(AriaRole.Tree).FocusAsync();
        await page.Keyboard.PressAsync("Home");
        await Row(page, "flat/").ClickAsync();
        var folders = await Opened(page, "teams/", "000/");
        TestContext.Current.TestOutputHelper.WriteLine($"400 folders: first after {folders} ms");
        await AtTheEnd("199/");
        await Row(page, "More…").ClickAsync();
        await AtTheEnd("399/");

        // Rows are added for as long as folders are looked for.
        Task AtTheEnd(string name) => Eventually.Holds(
            $"{name} is shown",
            async () =>
            {
                await page.Keyboard.PressAsync("End");
                return await page.GetByRole(AriaRole.Treeitem).Filter(new LocatorFilterOptions { HasText = name }).CountAsync() > 0;
            },
            Generous,
            Stop);
    }

    private static async Task<long> Opened(IPage page, string folder, string first) => long.Parse(
        await page.EvaluateAsync<string>(
            """
            ([folder, first]) => new Promise((resolve) => {
              const row = (text) => [...document.querySelectorAll('[role=treeitem] .label')].find((one) => one.textContent === text);
              const begin = performance.now();
              row(folder).click();
              const look = () => row(first) ? resolve(String(Math.round(performance.now() - begin))) : requestAnimationFrame(look);
              look();
            })
            """,
            new[] { folder, first }),
        CultureInfo.InvariantCulture);

    [Fact]
    public async Task Of_two_who_edit_a_key_the_second_is_told()
    {
        await Put(("shared", "old"));
        var first = await Open("#/keys?key=shared");
        var second = await Open("#/keys?key=shared");
        foreach (var page in (IPage[])[first, second])
        {
            await Button(page, "Edit").ClickAsync();
            await page.GetByLabel("Value", new PageGetByLabelOptions { Exact = true }).Last.WaitForAsync();
        }

        await Dialog(first).GetByRole(AriaRole.Textbox).FillAsync("of the first");
        await Button(first, "Save").ClickAsync();
        await Assertions.Expect(Dialog(first)).ToHaveCountAsync(0);
        await Dialog(second).GetByRole(AriaRole.Textbox).FillAsync("of the second");
        await Button(second, "Save").ClickAsync();
        await Assertions.Expect(Dialog(second)).ToContainTextAsync("Somebody was faster");
        await Assertions.Expect(Dialog(second)).ToContainTextAsync("of the first");
        Assert.Equal("of the first", (await Client.GetAsync("shared", cancellationToken: Stop))!.Value.ToString());
        await Assertions.Expect(Dialog(second).GetByRole(AriaRole.Textbox)).ToHaveValueAsync("of the second");
        await Button(second, "Save mine over it").ClickAsync();
        await Assertions.Expect(Dialog(second)).ToHaveCountAsync(0);
        await Assertions.Expect(second.GetByRole(AriaRole.Tabpanel)).ToContainTextAsync("of the second");
    }

    [Fact]
    public async Task Keys_are_made_and_deleted()
    {
        var page = await Open("");
        await Button(page, "New key").ClickAsync();
        await Dialog(page).GetByRole(AriaRole.Textbox).First.FillAsync("made/here");
        await Dialog(page).GetByRole(AriaRole.Textbox).Last.FillAsync("in the browser");
        await Button(page, "Create").ClickAsync();
        await Assertions.Expect(page.GetByRole(AriaRole.Tabpanel)).ToContainTextAsync("in the browser");
        await Row(page, "made/").WaitForAsync();
        await Button(page, "Delete").ClickAsync();
        await Button(Dialog(page), "Delete").ClickAsync();
        await Assertions.Expect(page.GetByRole(AriaRole.Treeitem)).ToHaveCountAsync(0);
        Assert.Null(await Client.GetAsync("made/here", cancellationToken: Stop));
    }

    [Fact]
    public async Task A_key_has_a_history_and_the_tree_a_past()
    {
        foreach (var color in (string[])["red", "green", "blue"])
        {
            await Put(("color", $"the color is\n{color}\nnow"));
        }

        var page = await Open("#/keys?key=color");
        await page.GetByRole(AriaRole.Tab, new PageGetByRoleOptions { Name = "History" }).ClickAsync();
        await Assertions.Expect(page.GetByText("It was created at revision 2.")).ToBeVisibleAsync();
        await Assertions.Expect(page.GetByLabel("What changed")).ToContainTextAsync("− green");
        await Assertions.Expect(page.GetByLabel("What changed")).ToContainTextAsync("+ blue");
        await page.GetByRole(AriaRole.Textbox, new PageGetByRoleOptions { Name = "Revision" }).FillAsync("2");
        await page.Keyboard.PressAsync("Tab");
        await Assertions.Expect(page.GetByText("as of revision 2", new PageGetByTextOptions { Exact = true })).ToBeVisibleAsync();
        await page.GetByRole(AriaRole.Tab, new PageGetByRoleOptions { Name = "Value" }).ClickAsync();
        await Assertions.Expect(page.GetByLabel("Value as text")).ToContainTextAsync("red");
        await Client.CompactAsync(4, cancellationToken: Stop);
        await Button(page, "Refresh").ClickAsync();
        await Assertions.Expect(Row(page, "This revision has been compacted.")).ToBeVisibleAsync();
    }

    // The compacted revision is refused with status 400.
    private protected override bool Expects(string complaint) => complaint.Contains("the server responded with a status of 400", StringComparison.Ordinal);
}
