using Google.Protobuf.Reflection;
using Granary.Server.Facade;
using Grpc.Core;

namespace Granary.Fuzz.Tests;

/// <summary>What may come of a call, whatever it asks for.</summary>
internal static class CallOracle
{
    /// <summary>How long a call that waits for others is waited for.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(50);

    // What gRPC itself says of bytes that are no message, or no frame; etcd has the same code for them.
    private static readonly string[] NoMessage =
    [
        "grpc: error unmarshalling request", "grpc: failed to unmarshal the received message", "Incomplete message.", "Additional data after the message received.",
        "Unexpected compressed flag value in message header.", "Request did not include grpc-encoding value with compressed message.",
    ];

    /// <summary>Whether a call may wait for something that never happens, or, as in etcd, goes on when its client has said all.</summary>
    public static bool Waits(MethodDescriptor method) => method.Name is "Lock" or "Campaign" or "Observe" or "Watch";

    /// <summary>One of the methods, most of the time one that need not be waited for.</summary>
    public static KeyValuePair<string, MethodDescriptor> Choose(IReadOnlyList<KeyValuePair<string, MethodDescriptor>> methods, Mutator mutator)
    {
        var chosen = mutator.Of(methods);
        while (Waits(chosen.Value) && !mutator.OneIn(10))
        {
            chosen = mutator.Of(methods);
        }

        return chosen;
    }

    public static void MustBeMapped(StatusCode code, string text, bool waits)
    {
        Assert.True(Enum.IsDefined(code), $"code {code}");
        Assert.True(code != StatusCode.DeadlineExceeded || waits, "it takes too long");
        Assert.True(code != StatusCode.Internal || NoMessage.Any(known => text.StartsWith(known, StringComparison.Ordinal)), $"{code}: {text}");
        Assert.NotEqual(CallErrors.InternalError, text);
        Assert.DoesNotContain("xception", text, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", text, StringComparison.Ordinal);
        Assert.True(code is StatusCode.OK or StatusCode.DeadlineExceeded || text.Length > 0, $"{code} says nothing");
    }
}
