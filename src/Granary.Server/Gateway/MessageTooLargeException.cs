namespace Granary.Server.Gateway;

/// <summary>A body with a message that is larger than any may be.</summary>
internal sealed class MessageTooLargeException(long sizeBytes) : Exception
{
    /// <summary>What was seen of it.</summary>
    public long SizeBytes => sizeBytes;
}
