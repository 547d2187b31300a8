namespace Granary.Log.Tests.Embedded;

/// <summary>Records that tell where they come from.</summary>
internal static class Payload
{
    public static byte[] Of(int length, int seed)
    {
        var payload = new byte[length];
        new Random(seed).NextBytes(payload);
        return payload;
    }
}
