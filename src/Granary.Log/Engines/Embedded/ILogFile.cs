namespace Granary.Log.Engines.Embedded;

/// <summary>An open file of the log. Each method does all that it says, or throws.</summary>
public interface ILogFile : IDisposable
{
    long Length { get; }

    /// <summary>Fills <paramref name="bytes"/> from <paramref name="offset"/> on.</summary>
    void Read(Span<byte> bytes, long offset);

    void Write(ReadOnlySpan<byte> bytes, long offset);

    /// <summary>Makes what was written durable.</summary>
    void Flush();
}
