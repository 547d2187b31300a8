using Orleans.Storage;

namespace Granary.Orleans;

/// <summary>How grains keep their state in the store.</summary>
public sealed class GranaryGrainStorageOptions : IStorageProviderSerializerOptions
{
    /// <summary>
    /// How many bytes of a state one request takes. A larger state is kept in pieces, up to 32 of them. The servers' <c>--max-request-bytes</c> is above it.
    /// </summary>
    public int PieceBytes { get; set; } = 1 << 20;

    /// <inheritdoc/>
    public IGrainStorageSerializer GrainStorageSerializer { get; set; } = default!;
}
