namespace Granary.Client.Connections;

/// <summary>What may be done with a call whose answer is lost.</summary>
internal enum CallKind
{
    /// <summary>It changes nothing: it is made again.</summary>
    Read,

    /// <summary>It comes to the same when it is done twice: it is made again.</summary>
    RepeatableWrite,

    /// <summary>Nobody knows whether it is done: it is not made again.</summary>
    Write,
}
