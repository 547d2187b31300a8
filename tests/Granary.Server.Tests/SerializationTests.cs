using CsCheck;
using Google.Protobuf;
using Granary.Grains.Hosting;
using Granary.Grains.KeyRanges;
using Granary.Model;
using Granary.Mvcc.Errors;
using Granary.Protos;
using Microsoft.Extensions.DependencyInjection;
using Orleans.Serialization;

namespace Granary.Server.Tests;

/// <summary>What grain calls carry comes out of the wire format between silos as it went in, and is never copied inside one.</summary>
public sealed class SerializationTests : IDisposable
{
    private readonly ServiceProvider _services = new ServiceCollection().AddSerializer().AddGranarySerialization().BuildServiceProvider();

    private Serializer Serializer => _services.GetRequiredService<Serializer>();

    public void Dispose() => _services.Dispose();

    [Fact]
    public void Requests_survive_the_way_between_silos() =>
        RandomRequests.Write.Sample(request => Assert.Equal(request, Serializer.Deserialize<IMessage>(Serializer.SerializeToArray(request))));

    [Fact]
    public void Parts_of_an_answer_survive_it_too()
    {
        var shared = ByteString.CopyFromUtf8("k");
        var chunk = new RangeChunk(new RangeResponse { Kvs = { new KeyValue { Key = shared, Version = 3 } } }, 7, 8, IsLast: true);
        Assert.Equal(chunk, Serializer.Deserialize<RangeChunk>(Serializer.SerializeToArray(chunk)));
        Assert.Equal([shared, shared], Serializer.Deserialize<ByteString[]>(Serializer.SerializeToArray<ByteString[]>([shared, shared]))!);
    }

    [Fact]
    public void An_error_keeps_its_code_text_and_outcome()
    {
        var error = new EtcdException(EtcdError.Timeout, outcomeUnknown: true);
        var received = Assert.IsType<EtcdException>(Serializer.Deserialize<Exception>(Serializer.SerializeToArray<Exception>(error)));
        Assert.Equal((error.Error, true), (received.Error, received.OutcomeUnknown));
    }

    [Fact]
    public void Inside_a_silo_messages_pass_by_reference()
    {
        var request = new PutRequest { Key = ByteString.CopyFromUtf8("k") };
        Assert.Same(request, _services.GetRequiredService<DeepCopier>().Copy(request));
    }
}
