namespace Granary.Storage.Stores.Rocks;

/// <summary>A store cannot be opened or read because of what its files hold. Nothing was changed.</summary>
public sealed class StoreDamagedException(string directory, Exception reason)
    : Exception($"the store in {directory} cannot be opened: {reason.Message}", reason);
