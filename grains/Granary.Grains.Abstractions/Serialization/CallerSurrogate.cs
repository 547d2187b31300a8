namespace Granary.Grains.Serialization;

/// <summary>A <see cref="Mvcc.Auth.Caller"/> between silos.</summary>
[GenerateSerializer, Alias("Granary.Caller")]
public struct CallerSurrogate
{
    [Id(0)]
    public string? User { get; set; }

    [Id(1)]
    public ulong? TokenRevision { get; set; }

    [Id(2)]
    public bool IsServer { get; set; }
}
