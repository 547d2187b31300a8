using System.Collections;
using Google.Protobuf;
using Grpc.Core;

namespace Granary.Conformance.Tests;

/// <summary>
/// What a server said to one request: a message or a status. Two servers never share their ids and terms, so these are
/// mapped: 0 stays 0, anything else becomes 1, which keeps the rules about where they are set.
/// </summary>
internal sealed record Answer
{
    private Answer(IMessage? message, StatusCode code, string text)
    {
        Message = message;
        Code = code;
        Text = text;
    }

    public IMessage? Message { get; }

    public StatusCode Code { get; }

    public string Text { get; }

    public static Answer Of(IMessage message)
    {
        Map(message);
        return new Answer(message, StatusCode.OK, "");
    }

    public static Answer Of(RpcException error) => new(null, error.StatusCode, error.Status.Detail);

    public override string ToString() => Message is null ? $"{(int)Code} {Code} \"{Text}\"" : Rendering.Of(Message);

    private static void Map(IMessage message)
    {
        if (message is ResponseHeader header)
        {
            header.ClusterId = Math.Min(header.ClusterId, 1);
            header.MemberId = Math.Min(header.MemberId, 1);
            header.RaftTerm = Math.Min(header.RaftTerm, 1);
            return;
        }

        foreach (var field in message.Descriptor.Fields.InFieldNumberOrder())
        {
            switch (field.Accessor.GetValue(message))
            {
                case IMessage inner:
                    Map(inner);
                    break;
                case IList list:
                    foreach (var inner in list.OfType<IMessage>())
                    {
                        Map(inner);
                    }

                    break;
            }
        }
    }
}
