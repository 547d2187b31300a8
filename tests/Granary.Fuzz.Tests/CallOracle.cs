using Granary.Server.Facade;
using Grpc.Core;

namespace Granary.Fuzz.Tests;

/// <summary>What may come of a call, whatever it asks for.</summary>
internal static class CallOracle
{
    /// <summary>How long a call that waits for others is waited for.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(100);

    // etcd's words for bytes that are no message.
    private const string NoMessage = "grpc: error unmarshalling request";

    /// <summary>Whether a call may wait for something that never happens.</summary>
    public static bool Waits(string method) => method is "Lock" or "Campaign" or "Observe";

    public static void MustBeMapped(StatusCode code, string text, bool waits)
    {
        Assert.True(Enum.IsDefined(code), $"code {code}");
        Assert.True(code != StatusCode.DeadlineExceeded || waits, "it takes too long");
        Assert.True(code != StatusCode.Internal || text.StartsWith(NoMessage, StringComparison.Ordinal), $"{code}: {text}");
        Assert.NotEqual(CallErrors.InternalError, text);
        Assert.DoesNotContain("xception", text, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", text, StringComparison.Ordinal);
        Assert.True(code == StatusCode.OK || text.Length > 0, $"{code} says nothing");
    }
}
