namespace Granary.Server.Facade;

/// <summary>Counts what this silo's clients have asked of one range. Plain numbers, which are read when somebody asks.</summary>
internal sealed class RangeLoad
{
    private long _reads;
    private long _writes;

    public long Reads => Interlocked.Read(ref _reads);

    public long Writes => Interlocked.Read(ref _writes);

    public void CountRead() => Interlocked.Increment(ref _reads);

    public void CountWrite() => Interlocked.Increment(ref _writes);
}
