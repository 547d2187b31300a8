namespace Granary.Mvcc.Auth;

/// <summary>What an <see cref="AuthEntry"/> is about; the values are stored.</summary>
public enum AuthEntryKind
{
    User = 'u',
    Role = 'r',
}
