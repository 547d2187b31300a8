namespace Granary.Server.Gateway;

/// <summary>Where a byte stands in a JSON value.</summary>
internal enum ScannedByte
{
    /// <summary>Before its end.</summary>
    Inner,

    /// <summary>At its end.</summary>
    Last,

    /// <summary>Behind it: a number ends where something else begins.</summary>
    Behind,
}
