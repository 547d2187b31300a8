using System.Net;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Granary.Console.Tests;

/// <summary>The last hour of a server, as it is given out and as it is drawn.</summary>
public sealed class ChartsTests(Browser browser) : ConsoleTest(browser)
{
    private static readonly HttpClient Http = new();

    [Fact]
    public async Task What_has_happened_is_told_and_drawn_and_goes_on()
    {
        var page = await Open("#/charts");
        await Assertions.Expect(page.GetByTestId("most-memory")).ToHaveTextAsync(new Regex("MiB"));
        var drawn = await Line(page, "writes").GetAttributeAsync("d");
        await Put([.. Enumerable.Range(0, 50).Select(static i => ($"k/{i}", "v"))]);
        for (var i = 0; i < 50; i++)
        {
            await Client.PutAsync("k", $"{i}", cancellationToken: Stop);
            await Client.GetAsync("k", cancellationToken: Stop);
        }

        // The page has it by itself, with the next sample.
        foreach (var series in (string[])["reads", "writes", "read99", "write99", "commit99", "flush99"])
        {
            await Assertions.Expect(page.GetByTestId($"most-{series}")).ToHaveTextAsync(new Regex("[1-9]"));
        }

        Assert.NotEqual(drawn, await Line(page, "writes").GetAttributeAsync("d"));
        Assert.Matches(@"^M[0-9.]+ [0-9.]+h0L.*1000\.0 ", await Line(page, "memory").GetAttributeAsync("d"));

        var told = await History("");
        var times = told.GetProperty("times").EnumerateArray().Select(static time => time.GetInt64()).ToList();
        Assert.Equal(times.Order(), times);
        Assert.True(Most(told, "writes") > 0);
        Assert.True(Most(told, "write99") >= Most(told, "writeMedian"));
        Assert.True(Most(told, "databaseInUse") > 0);
        var last = await History($"?after={times[^2]}");
        Assert.Equal(times[^1], last.GetProperty("times")[0].GetInt64());

        // By the keyboard a moment is chosen, whose values are told then.
        await page.GetByRole(AriaRole.Slider).FocusAsync();
        await page.Keyboard.PressAsync("Home");
        await Assertions.Expect(page.GetByTestId("moment")).ToHaveTextAsync(new Regex(":"));
        await Assertions.Expect(page.GetByRole(AriaRole.Columnheader, new PageGetByRoleOptions { Name = "Then" }).First).ToBeVisibleAsync();
        await page.Keyboard.PressAsync("End");
        await Assertions.Expect(page.GetByTestId("moment")).ToHaveTextAsync("now");
    }

    [Fact]
    public async Task Each_range_says_which_keys_it_has_and_what_it_has_to_do()
    {
        var page = await Open("#/cluster");
        var ranges = page.GetByRole(AriaRole.Group, new PageGetByRoleOptions { Name = "Ranges" }).GetByRole(AriaRole.Listitem);
        await Assertions.Expect(ranges).ToContainTextAsync(["before h", "h up to p", "from p on"]);
        using var enough = CancellationTokenSource.CreateLinkedTokenSource(Stop);
        var writing = Task.Run(
            async () =>
            {
                while (!enough.IsCancellationRequested)
                {
                    await Client.PutAsync("k", "v", cancellationToken: Stop);
                    await Client.GetAsync("z", cancellationToken: Stop);
                    await Client.Txn().Then(Op.Put("a", "1"), Op.Put("k", "1")).CommitAsync(Stop);
                }
            },
            Stop);
        await Assertions.Expect(ranges).ToHaveTextAsync(
            [new Regex(@"^before h ?0 reads/s, (?!0 )\S+ writes/s"), new Regex(@"^h up to p ?0 reads/s, (?!0 )\S+ writes/s"), new Regex(@"^from p on ?(?!0 )\S+ reads/s, 0 writes/s")]);
        await enough.CancelAsync();
        await writing;
    }

    [Fact]
    public async Task Only_who_has_the_role_root_is_told_where_there_are_users()
    {
        foreach (var command in (string[])["user add root:roots", "user grant-role root root", "user add ann:anns", "auth enable"])
        {
            var done = await Tool.Etcdctl(Server, Stop, command.Split(' '));
            Assert.True(done.ExitCode == 0, done.All);
        }

        Assert.Equal((HttpStatusCode.BadRequest, "etcdserver: user name is empty"), await Refusal(HttpMethod.Get, null));
        Assert.Equal((HttpStatusCode.Unauthorized, "etcdserver: invalid auth token"), await Refusal(HttpMethod.Get, "nobodys"));
        Assert.Equal((HttpStatusCode.Forbidden, "etcdserver: permission denied"), await Refusal(HttpMethod.Get, await Token("ann", "anns")));
        var root = await Token("root", "roots");
        Assert.Equal((HttpStatusCode.OK, null), await Refusal(HttpMethod.Get, root));
        Assert.Equal((HttpStatusCode.OK, null), await Refusal(HttpMethod.Get, $"Bearer {root}"));
        Assert.Equal((HttpStatusCode.MethodNotAllowed, null), await Refusal(HttpMethod.Post, root));
        Assert.Equal((HttpStatusCode.MethodNotAllowed, null), await Refusal(HttpMethod.Head, root));

        var page = await Open("#/charts");
        await Dialog(page).GetByLabel("User").FillAsync("ann");
        await Dialog(page).GetByLabel("Password").FillAsync("anns");
        await Button(Dialog(page), "Sign in").ClickAsync();
        await Assertions.Expect(page.GetByText("The figures of this server are for those who have the role root.")).ToBeVisibleAsync();
        await Assertions.Expect(page.GetByRole(AriaRole.Figure)).ToHaveCountAsync(0);
    }

    private protected override string[] Flags => ["--initial-range-splits", "h,p"];

    private protected override bool Expects(string complaint) => complaint.Contains("the server responded with a status of 40", StringComparison.Ordinal);

    private static ILocator Line(IPage page, string series) => page.GetByTestId($"line-{series}");

    private async Task<JsonElement> History(string query) =>
        JsonSerializer.Deserialize<JsonElement>(await PlainHttp.Get($"{Server.Address}/console/history{query}", Stop));

    private static double Most(JsonElement history, string series) => history.GetProperty("series").GetProperty(series).EnumerateArray()
        .Where(static value => value.ValueKind == JsonValueKind.Number).Max(static value => value.GetDouble());

    private async Task<string> Token(string name, string password)
    {
        using var answer = await Http.PostAsync(
            $"{Server.Address}/v3/auth/authenticate", new StringContent(JsonSerializer.Serialize(new { name, password })), Stop);
        return JsonSerializer.Deserialize<JsonElement>(await answer.Content.ReadAsStringAsync(Stop)).GetProperty("token").GetString()!;
    }

    /// <summary>The status of an answer, and the message of one that is JSON and refuses.</summary>
    private async Task<(HttpStatusCode Status, string? Message)> Refusal(HttpMethod method, string? token)
    {
        using var request = new HttpRequestMessage(method, $"{Server.Address}/console/history");
        if (token is not null)
        {
            request.Headers.TryAddWithoutValidation("Authorization", token);
        }

        using var answer = await Http.SendAsync(request, Stop);
        Assert.Contains("default-src 'none'", Assert.Single(answer.Headers.GetValues("Content-Security-Policy")), StringComparison.Ordinal);
        var isJson = answer.Content.Headers.ContentType?.MediaType == "application/json";
        return (answer.StatusCode, isJson && !answer.IsSuccessStatusCode
            ? JsonSerializer.Deserialize<JsonElement>(await answer.Content.ReadAsStringAsync(Stop)).GetProperty("message").GetString()
            : null);
    }
}
