namespace Granary.Streams.Tests;

[GenerateSerializer]
internal sealed class AuditState
{
    [Id(0)]
    public long LastRevision { get; set; }

    [Id(1)]
    public List<string> Notes { get; set; } = [];

    [Id(2)]
    public List<string> Errors { get; set; } = [];

    [Id(3)]
    public int Activations { get; set; }
}
