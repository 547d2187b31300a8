namespace Granary.Benchmarks.Reports;

/// <summary>Which of two figures is the better one.</summary>
internal enum Better
{
    /// <summary>The larger one, as of a rate.</summary>
    More,

    /// <summary>The smaller one, as of a time.</summary>
    Less,

    /// <summary>None: the figure says under what conditions the others came to be.</summary>
    Neither,
}
