namespace Granary.Client;

/// <summary>What the pairs of a range are ordered by.</summary>
public enum SortTarget
{
    /// <summary>The key.</summary>
    Key = 0,

    /// <summary>How often the key was put.</summary>
    Version = 1,

    /// <summary>When the key came to be.</summary>
    CreateRevision = 2,

    /// <summary>When it was changed last.</summary>
    ModRevision = 3,

    /// <summary>The value.</summary>
    Value = 4,
}
