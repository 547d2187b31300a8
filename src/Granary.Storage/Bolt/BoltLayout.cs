namespace Granary.Storage.Bolt;

/// <summary>What the first pages of a database say of those behind them: so it is known before a byte is written.</summary>
/// <param name="Root">The page of the root bucket.</param>
/// <param name="PageCount">All pages, the two meta pages included.</param>
public readonly record struct BoltLayout(long Root, long PageCount)
{
    public long SizeBytes => PageCount * BoltWriter.PageBytes;
}
