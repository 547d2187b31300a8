using System.Buffers;
using System.Collections.Concurrent;
using System.Reflection;
using Google.Protobuf;
using Orleans.Serialization;
using Orleans.Serialization.Buffers;
using Orleans.Serialization.Cloning;
using Orleans.Serialization.Codecs;
using Orleans.Serialization.Serializers;
using Orleans.Serialization.WireProtocol;

namespace Granary.Grains.Serialization;

/// <summary>
/// Protobuf messages and byte strings as arguments and answers of grain calls. They are treated as immutable:
/// inside a silo they pass by reference, between silos in their own wire format.
/// </summary>
[Alias("granary-protobuf")]
public sealed class ProtobufCodec : IGeneralizedCodec, IGeneralizedCopier, ITypeFilter
{
    private static readonly Type CodecType = typeof(ProtobufCodec);
    private static readonly ConcurrentDictionary<Type, MessageParser> Parsers = new();

    bool IGeneralizedCodec.IsSupportedType(Type type) => IsSupported(type);

    bool IGeneralizedCopier.IsSupportedType(Type type) => IsSupported(type);

    bool? ITypeFilter.IsTypeAllowed(Type type) => IsSupported(type) ? true : null;

    [return: System.Diagnostics.CodeAnalysis.NotNullIfNotNull(nameof(input))]
    public object? DeepCopy(object? input, CopyContext context) => input;

    public void WriteField<TBufferWriter>(ref Writer<TBufferWriter> writer, uint fieldIdDelta, Type? expectedType, object? value)
        where TBufferWriter : IBufferWriter<byte>
    {
        if (ReferenceCodec.TryWriteReferenceField(ref writer, fieldIdDelta, expectedType, value))
        {
            return;
        }

        // The type is always named: one codec serves all of them, and reading does not tell it which one was expected.
        writer.WriteFieldHeader(fieldIdDelta, typeof(object), value!.GetType(), WireType.LengthPrefixed);
        var bytes = value is ByteString text ? text.Span : ((IMessage)value!).ToByteArray();
        writer.WriteVarUInt32((uint)bytes.Length);
        writer.Write(bytes);
    }

    public object ReadValue<TInput>(ref Reader<TInput> reader, Field field)
    {
        if (field.IsReference)
        {
            return ReferenceCodec.ReadReference<object, TInput>(ref reader, field)!;
        }

        field.EnsureWireType(WireType.LengthPrefixed);
        var placeholder = ReferenceCodec.CreateRecordPlaceholder(reader.Session);
        var bytes = reader.ReadBytes(reader.ReadVarUInt32());
        var type = field.FieldType ?? throw new FieldTypeMissingException(CodecType);
        object value = type == typeof(ByteString) ? UnsafeByteOperations.UnsafeWrap(bytes) : Parser(type).ParseFrom(bytes);
        ReferenceCodec.RecordObject(reader.Session, value, placeholder);
        return value;
    }

    private static bool IsSupported(Type type) => type == typeof(ByteString) || (typeof(IMessage).IsAssignableFrom(type) && type.IsClass);

    private static MessageParser Parser(Type type) => Parsers.GetOrAdd(
        type,
        static type => (MessageParser)type.GetProperty("Parser", BindingFlags.Public | BindingFlags.Static)!.GetValue(null)!);
}
