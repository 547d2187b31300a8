namespace Granary.Testing;

/// <summary>What a server answers to plain HTTP.</summary>
public static class PlainHttp
{
    private static readonly HttpClient Client = new();

    /// <summary>The body, whatever the status.</summary>
    public static async Task<string> Get(string url, CancellationToken cancellationToken)
    {
        using var response = await Client.GetAsync(url, cancellationToken);
        return await response.Content.ReadAsStringAsync(cancellationToken);
    }
}
