using Granary.Mvcc.Errors;
using Grpc.Core;

namespace Granary.Grains.Serialization;

/// <summary>An <see cref="EtcdException"/> between silos.</summary>
[GenerateSerializer, Alias("Granary.EtcdException")]
public struct EtcdExceptionSurrogate
{
    [Id(0)]
    public StatusCode Code { get; set; }

    [Id(1)]
    public string Text { get; set; }

    [Id(2)]
    public bool OutcomeUnknown { get; set; }
}
