using Granary.Client;
using Orleans;

namespace Granary.Orleans.Streams.Implicit;

/// <summary>How the client's <see cref="Bytes"/> go from silo to silo.</summary>
[GenerateSerializer, Alias("Granary.Orleans.Bytes")]
internal struct BytesSurrogate
{
    [Id(0)]
    public byte[] Content;
}

/// <summary>How a pair of the client goes from silo to silo.</summary>
[GenerateSerializer, Alias("Granary.Orleans.KeyValue")]
internal struct KeyValueSurrogate
{
    [Id(0)]
    public Bytes Key;

    [Id(1)]
    public Bytes Value;

    [Id(2)]
    public long CreateRevision;

    [Id(3)]
    public long ModRevision;

    [Id(4)]
    public long Version;

    [Id(5)]
    public long LeaseId;
}

/// <summary>How an event of the client goes from silo to silo.</summary>
[GenerateSerializer, Alias("Granary.Orleans.WatchEvent")]
internal struct WatchEventSurrogate
{
    [Id(0)]
    public bool IsDeletion;

    [Id(1)]
    public KeyValue KeyValue;

    [Id(2)]
    public KeyValue? Previous;
}

[RegisterConverter]
internal sealed class BytesConverter : IConverter<Bytes, BytesSurrogate>
{
    public Bytes ConvertFromSurrogate(in BytesSurrogate surrogate) => surrogate.Content;

    public BytesSurrogate ConvertToSurrogate(in Bytes value) => new() { Content = value.ToArray() };
}

[RegisterConverter]
internal sealed class KeyValueConverter : IConverter<KeyValue, KeyValueSurrogate>
{
    public KeyValue ConvertFromSurrogate(in KeyValueSurrogate surrogate) => new()
    {
        Key = surrogate.Key,
        Value = surrogate.Value,
        CreateRevision = surrogate.CreateRevision,
        ModRevision = surrogate.ModRevision,
        Version = surrogate.Version,
        LeaseId = surrogate.LeaseId,
    };

    public KeyValueSurrogate ConvertToSurrogate(in KeyValue value) => new()
    {
        Key = value.Key,
        Value = value.Value,
        CreateRevision = value.CreateRevision,
        ModRevision = value.ModRevision,
        Version = value.Version,
        LeaseId = value.LeaseId,
    };
}

[RegisterConverter]
internal sealed class WatchEventConverter : IConverter<WatchEvent, WatchEventSurrogate>
{
    public WatchEvent ConvertFromSurrogate(in WatchEventSurrogate surrogate) =>
        new() { IsDeletion = surrogate.IsDeletion, KeyValue = surrogate.KeyValue, Previous = surrogate.Previous };

    public WatchEventSurrogate ConvertToSurrogate(in WatchEvent value) =>
        new() { IsDeletion = value.IsDeletion, KeyValue = value.KeyValue, Previous = value.Previous };
}
