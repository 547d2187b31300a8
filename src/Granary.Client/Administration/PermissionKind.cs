namespace Granary.Client;

/// <summary>What may be done.</summary>
public enum PermissionKind
{
    /// <summary>Reading and watching.</summary>
    Read = 0,

    /// <summary>Writing and deleting.</summary>
    Write = 1,

    /// <summary>Both.</summary>
    ReadWrite = 2,
}
