using Granary.Protos;

namespace Granary.Client;

/// <summary>A key was put.</summary>
/// <param name="Revision">The revision at which.</param>
/// <param name="Previous">The pair of before, if it was asked for and there was one.</param>
public sealed record PutResult(long Revision, KeyValue? Previous)
{
    internal static PutResult Of(PutResponse response) => new(response.Header?.Revision ?? 0, KeyValue.OfOrNull(response.PrevKv));
}
