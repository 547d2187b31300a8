namespace Granary.Streams.Tests;

[GenerateSerializer]
public sealed class PrefixState
{
    [Id(0)]
    public Dictionary<string, long> LastRevisions { get; } = [];

    [Id(1)]
    public List<string> Notes { get; } = [];

    [Id(2)]
    public int Activations { get; set; }
}
