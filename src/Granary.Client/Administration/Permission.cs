namespace Granary.Client;

/// <summary>What may be done with some keys.</summary>
/// <param name="Keys">Which keys.</param>
/// <param name="Kind">What.</param>
public sealed record Permission(KeyRange Keys, PermissionKind Kind);
