using System.Text.Json;
using Granary.Client;
using Orleans.Runtime;

namespace Granary.Orleans.Clustering;

/// <summary>What the store keeps of a silo, as JSON that people can read.</summary>
internal sealed record MembershipRow(
    SiloStatus Status,
    string? HostName,
    string? SiloName,
    string? RoleName,
    int ProxyPort,
    int UpdateZone,
    int FaultZone,
    DateTime StartTime,
    DateTime IsAliveAt,
    List<MembershipRow.Suspicion> Suspicions)
{
    public static Bytes Encode(MembershipEntry entry) => JsonSerializer.SerializeToUtf8Bytes(new MembershipRow(
        entry.Status,
        entry.HostName,
        entry.SiloName,
        entry.RoleName,
        entry.ProxyPort,
        entry.UpdateZone,
        entry.FaultZone,
        entry.StartTime,
        entry.IAmAliveTime,
        entry.SuspectTimes?.Select(static suspect => new Suspicion(suspect.Item1.ToParsableString(), suspect.Item2)).ToList() ?? []));

    /// <param name="silo">Whose row.</param>
    /// <param name="row">The row.</param>
    /// <param name="isAliveAt">When it was last said to be alive; null: not since the row was written.</param>
    public static MembershipEntry Decode(SiloAddress silo, Bytes row, DateTime? isAliveAt)
    {
        var decoded = JsonSerializer.Deserialize<MembershipRow>(row.Span)!;
        return new MembershipEntry
        {
            SiloAddress = silo,
            Status = decoded.Status,
            HostName = decoded.HostName ?? "",
            SiloName = decoded.SiloName ?? "",
            RoleName = decoded.RoleName,
            ProxyPort = decoded.ProxyPort,
            UpdateZone = decoded.UpdateZone,
            FaultZone = decoded.FaultZone,
            StartTime = decoded.StartTime,
            IAmAliveTime = isAliveAt > decoded.IsAliveAt ? isAliveAt.Value : decoded.IsAliveAt,
            SuspectTimes = [.. decoded.Suspicions.Select(static suspicion => Tuple.Create(SiloAddress.FromParsableString(suspicion.By), suspicion.At))],
        };
    }

    internal sealed record Suspicion(string By, DateTime At);
}
