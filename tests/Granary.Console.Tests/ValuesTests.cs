namespace Granary.Console.Tests;

/// <summary>Values in their forms, and the commands that do what the page does.</summary>
public sealed class ValuesTests(Browser browser) : ConsoleTest(browser)
{
    // A ConfigMap called "settings": its metadata is field 1, whose name is field 1; its data is field 2.
    private static readonly byte[] ConfigMap =
    [
        .. "k8s\0"u8, 0x0a, 0x0f, 0x0a, 0x02, .. "v1"u8, 0x12, 0x09, .. "ConfigMap"u8,
        0x12, 0x1a, 0x0a, 0x0a, 0x0a, 0x08, .. "settings"u8, 0x12, 0x0c, 0x0a, 0x05, .. "color"u8, 0x12, 0x03, .. "red"u8,
        0x1a, 0x00, 0x22, 0x00,
    ];

    [Fact]
    public async Task A_value_is_shown_in_the_form_that_says_most_and_in_the_others()
    {
        await Put(("json", """{"color":"blue","sizes":[1,2]}"""), ("text", "two\nlines"), ("empty", ""));
        await Client.PutAsync("binary", new byte[] { 0, 1, 0xff }, cancellationToken: Stop);
        await Client.PutAsync("object", ConfigMap, cancellationToken: Stop);
        var page = await Open("");
        var panel = page.GetByRole(AriaRole.Tabpanel);
        await Shown("json", "sizes: [ 2 ]");
        await Button(page, "Text").ClickAsync();
        await Assertions.Expect(panel).ToContainTextAsync("""{"color":"blue","sizes":[1,2]}""");
        await Shown("text", "two\nlines");
        await Shown("empty", "The value is empty.");
        await Shown("binary", "00000000  00 01 ff");
        await Shown("object", "v1");
        foreach (var text in (string[])["ConfigMap", "1: \"settings\"", "1: \"color\"", "2: \"red\""])
        {
            await Assertions.Expect(panel).ToContainTextAsync(text);
        }

        await Button(page, "Hex").ClickAsync();
        await Assertions.Expect(panel).ToContainTextAsync("6b 38 73 00");

        async Task Shown(string key, string text)
        {
            await Row(page, key).ClickAsync();
            await Assertions.Expect(page.GetByRole(AriaRole.Heading, new PageGetByRoleOptions { Level = 2 })).ToHaveTextAsync(key);
            await Assertions.Expect(panel).ToContainTextAsync(text);
        }
    }

    [Theory]
    [InlineData("plain")]
    [InlineData("it's \"quoted\" $HOME `id` \\")]
    [InlineData("-dash")]
    [InlineData("line\\x0abreak\\x09tab 7")]
    [InlineData("grün")]
    [InlineData("\\xc3(\\x801")]
    public async Task What_is_copied_does_in_a_shell_what_the_page_does(string shown)
    {
        var page = await Open("");
        await Button(page, "New key").ClickAsync();
        await Dialog(page).GetByRole(AriaRole.Textbox).First.FillAsync(shown);
        await Dialog(page).GetByRole(AriaRole.Textbox).Last.FillAsync("it's a\nvalue");
        await Button(page, "Create").ClickAsync();
        await page.GetByRole(AriaRole.Tabpanel).WaitForAsync();
        await Button(page, "Copy as…").ClickAsync();
        var made = Assert.Single((await Client.RangeAsync(KeyRange.All, cancellationToken: Stop)).KeyValues);
        foreach (var name in (string[])["etcdctl put", "curl put"])
        {
            await Client.DeleteAsync(made.Key, cancellationToken: Stop);
            await Run(name);
            var again = Assert.Single((await Client.RangeAsync(KeyRange.All, cancellationToken: Stop)).KeyValues);
            Assert.Equal((made.Key, "it's a\nvalue"), (again.Key, again.Value.ToString()));
        }

        Assert.Contains("it's a\nvalue", await Run("etcdctl get"), StringComparison.Ordinal);
        Assert.Contains(Base64("it's a\nvalue"), await Run("curl get"), StringComparison.Ordinal);

        async Task<string> Run(string name)
        {
            var command = await page.GetByRole(AriaRole.Listitem).Filter(new LocatorFilterOptions { HasText = name }).Locator("code").InnerTextAsync();
            var done = await Tool.End(Tool.Start("bash", ["-c", command], ("PATH", $"{Path.GetDirectoryName(EtcdBinaries.Etcdctl)}:{Environment.GetEnvironmentVariable("PATH")}")), Stop);
            Assert.True(done.ExitCode == 0, $"{command}\n{done.All}");
            return done.Output;
        }
    }
}
