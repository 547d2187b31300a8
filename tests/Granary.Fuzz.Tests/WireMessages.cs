using Google.Protobuf;
using Google.Protobuf.Reflection;

namespace Granary.Fuzz.Tests;

/// <summary>Messages of any type with anything in their fields, encoded; now and then a field that is of another kind than it should be.</summary>
internal static class WireMessages
{
    private const int MaxDepth = 5;

    // Few, so that requests meet each other's keys, leases, users.
    private static readonly string[] Words = ["a", "b", "c", "a", "b", "\0", "", "a\0", "zz", "ann", "r", "ä", new string('k', 300)];

    public static byte[] Of(MessageDescriptor type, Mutator mutator, int depth = 0)
    {
        using var bytes = new MemoryStream();
        var output = new CodedOutputStream(bytes);
        foreach (var field in type.Fields.InDeclarationOrder())
        {
            for (var left = Count(field, mutator, depth); left > 0; left--)
            {
                WriteField(output, field, mutator, depth);
            }
        }

        output.Flush();
        return bytes.ToArray();
    }

    private static int Count(FieldDescriptor field, Mutator mutator, int depth) =>
        field.FieldType == FieldType.Message && depth >= MaxDepth ? 0
        : field.IsRepeated ? mutator.Below(mutator.OneIn(20) ? 40 : 4)
        : mutator.OneIn(2) ? 1 : 0;

    private static void WriteField(CodedOutputStream output, FieldDescriptor field, Mutator mutator, int depth)
    {
        if (mutator.OneIn(60))
        {
            output.WriteTag(field.FieldNumber, mutator.Of([WireFormat.WireType.Varint, WireFormat.WireType.Fixed64, WireFormat.WireType.StartGroup, WireFormat.WireType.Fixed32]));
            output.WriteRawTag(mutator.Bytes(1)[0]);
            return;
        }

        switch (field.FieldType)
        {
            case FieldType.Message:
                output.WriteTag(field.FieldNumber, WireFormat.WireType.LengthDelimited);
                output.WriteBytes(ByteString.CopyFrom(Of(field.MessageType, mutator, depth + 1)));
                break;
            case FieldType.String or FieldType.Bytes:
                output.WriteTag(field.FieldNumber, WireFormat.WireType.LengthDelimited);
                output.WriteBytes(mutator.OneIn(20) ? ByteString.CopyFrom(mutator.Bytes(mutator.Below(2000))) : ByteString.CopyFromUtf8(mutator.Of(Words)));
                break;
            case FieldType.Bool or FieldType.Enum:
                output.WriteTag(field.FieldNumber, WireFormat.WireType.Varint);
                output.WriteInt64(mutator.OneIn(10) ? mutator.Number() : mutator.Below(4));
                break;
            default:
                output.WriteTag(field.FieldNumber, WireFormat.WireType.Varint);
                output.WriteInt64(mutator.OneIn(3) ? mutator.Number() : mutator.Below(12));
                break;
        }
    }
}
