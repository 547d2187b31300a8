namespace Granary.Console.Tests;

/// <summary>A server with users: who signs in sees what they may.</summary>
public sealed class AccessTests(Browser browser) : ConsoleTest(browser)
{
    [Fact]
    public async Task Who_signs_in_sees_what_they_may_read_and_nothing_else()
    {
        await Put(("app/color", "blue"), ("app/size", "7"), ("secret/key", "x"), ("single", "one"));
        await Users();
        var page = await Open("");
        await SignIn(page, "ann", "wrong");
        await Assertions.Expect(Dialog(page)).ToContainTextAsync("authentication failed");
        await SignIn(page, "ann", "anns");
        await Assertions.Expect(page.GetByText("signed in as ann", new PageGetByTextOptions { Exact = true })).ToBeVisibleAsync();
        await Assertions.Expect(page.GetByRole(AriaRole.Treeitem)).ToHaveTextAsync(["▸app/2", "single"]);
        await Assertions.Expect(page.GetByTestId("tree-count")).ToHaveTextAsync("3 keys");
        await Row(page, "app/").ClickAsync();
        await Row(page, "color").ClickAsync();
        await Assertions.Expect(page.GetByRole(AriaRole.Tabpanel)).ToContainTextAsync("blue");
        Assert.Equal("0 0 ", await page.EvaluateAsync<string>("() => `${localStorage.length} ${sessionStorage.length} ${document.cookie}`"));

        await page.GotoAsync($"{Server.Address}/console/#/live?prefix=app/");
        await Assertions.Expect(page.GetByTestId("state")).ToHaveTextAsync("following");
        await Button(page, "Sign out").ClickAsync();
        await Dialog(page).WaitForAsync();
        await page.Keyboard.PressAsync("Escape");
        await Assertions.Expect(Dialog(page)).ToHaveCountAsync(0);
        await Button(page, "Sign in").ClickAsync();
        await Dialog(page).WaitForAsync();
    }

    [Fact]
    public async Task A_role_is_made_and_given_and_the_question_what_one_may_do_is_answered()
    {
        await Users();
        var page = await Open("#/access");
        await SignIn(page, "root", "roots");
        await Button(page, "Add role").ClickAsync();
        await Dialog(page).GetByLabel("Name").FillAsync("writers");
        await Button(Dialog(page), "Add").ClickAsync();
        await Assertions.Expect(Dialog(page)).ToHaveCountAsync(0);
        await page.GetByRole(AriaRole.Listitem).Filter(new LocatorFilterOptions { HasText = "writers" }).GetByRole(AriaRole.Button, new LocatorGetByRoleOptions { Name = "Permit" }).ClickAsync();
        await Dialog(page).GetByLabel("Permission").SelectOptionAsync("WRITE");
        await Dialog(page).GetByLabel("Key", new LocatorGetByLabelOptions { Exact = true }).FillAsync("inbox/");
        await Button(Dialog(page), "Permit").ClickAsync();
        await Assertions.Expect(page.GetByText("write the prefix inbox/")).ToBeVisibleAsync();
        await page.GetByRole(AriaRole.Listitem).Filter(new LocatorFilterOptions { HasText = "ann" }).GetByRole(AriaRole.Button, new LocatorGetByRoleOptions { Name = "Give a role" }).ClickAsync();
        await Dialog(page).GetByLabel("Role").SelectOptionAsync("writers");
        await Button(Dialog(page), "Give").ClickAsync();
        await Assertions.Expect(Dialog(page)).ToHaveCountAsync(0);
        await page.GetByRole(AriaRole.Combobox, new PageGetByRoleOptions { Name = "User" }).SelectOptionAsync("ann");
        await page.GetByLabel("Key", new PageGetByLabelOptions { Exact = true }).FillAsync("inbox/1");
        await Assertions.Expect(page.GetByText("May not read it.")).ToBeVisibleAsync();
        await Assertions.Expect(page.GetByText("May write and delete it: by the role writers: write of the prefix inbox/.")).ToBeVisibleAsync();
        await page.GetByLabel("Key", new PageGetByLabelOptions { Exact = true }).FillAsync("app/x");
        await Assertions.Expect(page.GetByText("May read it: by the role readers: read of the prefix app/.")).ToBeVisibleAsync();
    }

    [Fact]
    public async Task Whose_token_is_not_good_any_more_signs_in_again()
    {
        await Users();
        var page = await Open("");
        await SignIn(page, "root", "roots");
        await Assertions.Expect(page.GetByText("signed in as root", new PageGetByTextOptions { Exact = true })).ToBeVisibleAsync();
        await Server.Kill(Stop);
        await Server.StartAgain(Stop);
        await Button(page, "Refresh").ClickAsync();
        await SignIn(page, "root", "roots");
        await Assertions.Expect(page.GetByText("signed in as root", new PageGetByTextOptions { Exact = true })).ToBeVisibleAsync();
    }

    private static async Task SignIn(IPage page, string name, string password)
    {
        await Dialog(page).GetByLabel("User").FillAsync(name);
        await Dialog(page).GetByLabel("Password").FillAsync(password);
        await Button(Dialog(page), "Sign in").ClickAsync();
    }

    private async Task Users()
    {
        foreach (var command in (string[])
        [
            "user add root:roots", "user grant-role root root", "user add ann:anns", "role add readers", "user grant-role ann readers",
            "role grant-permission readers read app/ --prefix", "role grant-permission readers read single", "auth enable",
        ])
        {
            var done = await Tool.Etcdctl(Server, Stop, command.Split(' '));
            Assert.True(done.ExitCode == 0, done.All);
        }
    }

    // etcd's answers to who has not signed in are refusals, and so is a wrong password.
    private protected override bool Expects(string complaint) =>
        complaint.Contains("the server responded with a status of 40", StringComparison.Ordinal)
        || IsOfLostServer(complaint);

    private protected override string[] Flags => [];
}
