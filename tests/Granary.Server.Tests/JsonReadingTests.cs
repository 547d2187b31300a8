using System.IO.Pipelines;
using System.Text;
using CsCheck;
using Google.Protobuf;
using Google.Protobuf.Reflection;
using Granary.Protos;
using Granary.Server.Facade;
using Granary.Server.Gateway;

namespace Granary.Server.Tests;

/// <summary>What the gateway makes of JSON: for every message that can be sent, however the bytes come in.</summary>
public sealed class JsonReadingTests
{
    private static readonly JsonFormatter ProtoNames = new(JsonFormatter.Settings.Default.WithPreserveProtoFieldNames(true));
    private static readonly JsonFormatter JsonNames = new(JsonFormatter.Settings.Default.WithFormatEnumsAsIntegers(true));

    private static readonly MessageDescriptor[] Requests =
        [.. EtcdServices.All.Where(service => !service.FullName.StartsWith("grpc.", StringComparison.Ordinal)).SelectMany(service => service.Methods).Select(method => method.InputType).Distinct()];

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public void Every_request_survives_the_way_through_JSON_in_both_spellings() => Messages(depth: 3).Sample(message =>
    {
        Assert.Equal(message, JsonMessageReader.Read(Encoding.UTF8.GetBytes(ProtoNames.Format(message)), message.Descriptor));
        Assert.Equal(message, JsonMessageReader.Read(Encoding.UTF8.GetBytes(JsonNames.Format(message)), message.Descriptor));
        Assert.Equal(message, JsonMessageReader.Read(JsonMessageWriter.Write(message).Span, message.Descriptor));
    });

    // As Go writes them: where one value is put into another one, as in the lines of a stream, it escapes what HTML would read otherwise.
    [Theory]
    [InlineData(false, "<&>\u2028\u2029")]
    [InlineData(true, @"\u003c\u0026\u003e\u2028\u2029")]
    public void Texts_have_the_escapes_that_Go_chooses(bool isInStream, string markup)
    {
        var message = new WatchResponse { CancelReason = "<&>\u2028\u2029'/\u007f\u00e9\ud83d\ude00\"\\\b\f\n\r\t\u0001\u001f" };
        Assert.Equal(
            $"{{\"cancel_reason\":\"{markup}'/\u007f\u00e9\ud83d\ude00" + """\"\\\b\f\n\r\t\u0001\u001f"}""",
            Encoding.UTF8.GetString(JsonMessageWriter.Write(message, isInStream).Span));
    }

    [Fact]
    public void Numbers_of_64_bits_lose_nothing_also_where_they_stand_without_quotes() => Gen.Long.Sample(id =>
        Assert.Equal(id, ((LeaseGrantRequest)JsonMessageReader.Read(Encoding.UTF8.GetBytes($$"""{"ID":{{id}}}"""), LeaseGrantRequest.Descriptor)).ID));

    [Fact]
    public void Objects_are_found_wherever_the_bytes_of_a_body_are_cut() =>
        Gen.Select(Messages(depth: 2).List[1, 5], Gen.Int[1, 40], Gen.Bool).Sample((messages, chunk, isPretty) =>
        {
            var json = messages.ConvertAll(message => (isPretty ? "\r\n {\n" : "{") + ProtoNames.Format(message)[1..] + (isPretty ? " " : ""));
            var found = Task.Run(() => Objects(Encoding.UTF8.GetBytes(string.Concat(json)), chunk)).GetAwaiter().GetResult();
            Assert.Equal(json.Select(one => one.Trim()), found);
        }, iter: 300);

    [Fact]
    public void Garbage_is_refused_and_nothing_else() => Gen.Byte.Array[1, 60].Sample(bytes =>
    {
        try
        {
            JsonMessageReader.Read([(byte)'{', .. bytes], TxnRequest.Descriptor);
        }
        catch (MalformedJsonException exception)
        {
            Assert.StartsWith("proto:", exception.Message, StringComparison.Ordinal);
        }
    });

    [Theory]
    [InlineData("{\"key\":\"\u00ff\"}")]
    [InlineData("{\"\u00ff\":1}")]
    [InlineData("{\"nobody\":[{\"knows\":\"\u00ff\"}]}")]
    [InlineData("{\"key\":\"\\ud800\"}")]
    public void Text_that_is_no_unicode_is_refused(string latin1) => Assert.Throws<MalformedJsonException>(
        () => JsonMessageReader.Read(Encoding.Latin1.GetBytes(latin1), PutRequest.Descriptor));

    [Fact]
    public async Task An_object_beyond_the_bound_is_not_read_to_its_end()
    {
        var endless = new Pipe();
        var writing = Task.Run(async () =>
        {
            await endless.Writer.WriteAsync("{\"key\":\""u8.ToArray(), Stop);
            while (!(await endless.Writer.WriteAsync(new byte[1024].Select(_ => (byte)'A').ToArray(), Stop)).IsCompleted)
            {
            }
        }, Stop);
        await Assert.ThrowsAsync<MessageTooLargeException>(async () => await new JsonObjectReader(endless.Reader, 100_000).Next(Stop));
        await endless.Reader.CompleteAsync();
        await writing;
    }

    private static async Task<List<string>> Objects(byte[] body, int chunk)
    {
        var pipe = new Pipe();
        var reader = new JsonObjectReader(pipe.Reader, 1 << 20);
        var writing = Task.Run(async () =>
        {
            foreach (var piece in body.Chunk(chunk))
            {
                await pipe.Writer.WriteAsync(piece);
            }

            await pipe.Writer.CompleteAsync();
        });
        var found = new List<string>();
        while (await reader.Next(Stop) is { } one)
        {
            found.Add(Encoding.UTF8.GetString(one));
        }

        await writing;
        return found;
    }

    private static Gen<IMessage> Messages(int depth) => Gen.Int[0, Requests.Length - 1].SelectMany(i => Message(Requests[i], depth));

    private static Gen<IMessage> Message(MessageDescriptor descriptor, int depth)
    {
        var gen = Gen.Const(0).Select(_ => descriptor.Parser.ParseFrom([]));
        foreach (var field in descriptor.Fields.InDeclarationOrder())
        {
            if (field.FieldType == FieldType.Message && depth == 0)
            {
                continue;
            }

            var value = Value(field, depth);
            gen = field.IsRepeated
                ? Gen.Select(gen, value.List[0, 2], (message, values) =>
                {
                    var list = (System.Collections.IList)field.Accessor.GetValue(message);
                    values.ForEach(one => list.Add(one));
                    return message;
                })
                : Gen.Select(gen, value, Gen.Bool, (message, one, isSet) =>
                {
                    if (isSet && field.RealContainingOneof?.Accessor.GetCaseFieldDescriptor(message) is null)
                    {
                        field.Accessor.SetValue(message, one);
                    }

                    return message;
                });
        }

        return gen;
    }

    private static Gen<object> Value(FieldDescriptor field, int depth) => field.FieldType switch
    {
        FieldType.Message => Message(field.MessageType, depth - 1).Select(message => (object)message),
        FieldType.Bytes => Gen.Byte.Array[0, 12].Select(bytes => (object)ByteString.CopyFrom(bytes)),
        FieldType.String => Gen.String[0, 8].Where(text => !text.Any(char.IsSurrogate)).Select(text => (object)text),
        FieldType.Bool => Gen.Bool.Select(value => (object)value),
        FieldType.Int64 => Gen.Long.Select(value => (object)value),
        FieldType.UInt64 => Gen.ULong.Select(value => (object)value),
        FieldType.Int32 => Gen.Int.Select(value => (object)value),
        FieldType.UInt32 => Gen.UInt.Select(value => (object)value),
        FieldType.Enum => Gen.Int[0, 5].Select(value => Enum.ToObject(field.EnumType.ClrType, value)),
        _ => throw new NotSupportedException($"{field.FullName} has a type that no request has had so far"),
    };
}
