namespace Granary.Cluster.Tests;

/// <summary>What a server answers to plain HTTP.</summary>
internal static class Http
{
    private static readonly HttpClient Client = new();

    /// <summary>The body, whatever the status.</summary>
    public static async Task<string> Get(Server server, string path)
    {
        using var response = await Client.GetAsync(server.Address + path, TestContext.Current.CancellationToken);
        return await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
    }
}
