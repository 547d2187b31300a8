using Google.Protobuf;
using Granary.Mvcc.Auth;
using Granary.Mvcc.Keys;
using Granary.Protos;
using Granary.Storage.Stores;

namespace Granary.Storage.Replicas;

/// <summary>What a replica is as a whole, after one applied index. Stored beside the data in the same batch.</summary>
/// <param name="AppliedIndex">Index of the last record that made this state.</param>
/// <param name="Term">Term of the leader that wrote it.</param>
/// <param name="Revision">Revision of the last commit; 1 when there was none.</param>
/// <param name="CompactedRevision">Reads below it are refused; -1 before the first compaction.</param>
/// <param name="ClusterId">Identity of the cluster, 0 until founded.</param>
/// <param name="MemberId">Identity of this member, 0 until founded.</param>
/// <param name="Ranges">The range map, null until founded.</param>
/// <param name="Alarms">The alarms that are up, in the order in which they were raised.</param>
public sealed record ReplicaState(
    long AppliedIndex,
    long Term,
    long Revision,
    long CompactedRevision,
    ulong ClusterId,
    ulong MemberId,
    RangeMap? Ranges,
    IReadOnlyList<AlarmMember> Alarms)
{
    private const byte Format = 2;

    // Of a store that is being filled from a snapshot.
    private const byte Unfinished = 0;

    public static readonly ReplicaState Initial = new(0, 0, 1, -1, 0, 0, null, []);

    /// <summary>Commits that are visible, but that the store has not done with; by revision.</summary>
    internal IReadOnlyList<DeferredDeletion> Deferred { get; init; } = [];

    /// <summary>Users, roles and whether authentication is on.</summary>
    public AuthState Auth { get; init; } = AuthState.Initial;

    /// <summary>The leader that wrote the last record: with its index it says of which log this is a state. 0 when there was none.</summary>
    public ulong LeaderId { get; init; }

    /// <summary>By which URLs other members reach this one; null for those that its settings name.</summary>
    public IReadOnlyList<string>? PeerUrls { get; init; }

    private static ReadOnlySpan<byte> StateKey => "state"u8;

    private static ReadOnlySpan<byte> RangesKey => "ranges"u8;

    private static ReadOnlySpan<byte> AlarmsKey => "alarms"u8;

    private static ReadOnlySpan<byte> PeerUrlsKey => "peer urls"u8;

    /// <summary>Whether an alarm of this kind is up, whichever member raised it.</summary>
    public bool HasAlarm(AlarmType kind)
    {
        foreach (var alarm in Alarms)
        {
            if (alarm.Alarm == kind)
            {
                return true;
            }
        }

        return false;
    }

    internal static ReplicaState Load(IStoreSnapshot snapshot)
    {
        var ranges = snapshot.Read(Family.Meta, RangesKey, 0, static (value, _) =>
        {
            var reader = new ByteReader(value);
            return RangeMapCodec.Read(ref reader);
        });
        var alarms = snapshot.Read(Family.Meta, AlarmsKey, 0, static (value, _) => AlarmResponse.Parser.ParseFrom(value))?.Alarms.ToArray() ?? [];
        var peerUrls = snapshot.Read(Family.Meta, PeerUrlsKey, 0, static (value, _) => MemberUpdateRequest.Parser.ParseFrom(value));
        return snapshot.Read(Family.Meta, StateKey, (ranges, alarms), static (value, known) =>
        {
            var reader = new ByteReader(value);
            var format = reader.Byte();
            if (format == Unfinished)
            {
                throw new InvalidDataException(
                    "the store is what an interrupted restore left: remove the directory, then restore or import again");
            }

            if (format != Format)
            {
                throw new InvalidDataException($"the store has format {format}; this program reads format {Format}");
            }

            return new ReplicaState(
                reader.Varint(), reader.Varint(), reader.Varint(), reader.Varint(), (ulong)reader.Varint(), (ulong)reader.Varint(),
                known.ranges, known.alarms)
            {
                LeaderId = (ulong)reader.Varint(),
            };
        }) is { } state
            ? state with { Deferred = DeferredDeletion.Load(snapshot), PeerUrls = peerUrls?.PeerURLs, Auth = AuthRecords.Load(snapshot) }
            : Initial;
    }

    internal static bool IsUnfinished(IStoreSnapshot snapshot) =>
        snapshot.Read(Family.Meta, StateKey, 0, static (value, _) => value.ToArray()) is [Unfinished, ..];

    /// <summary>A store that was marked as unfinished is an empty one.</summary>
    internal static void StoreInitial(IStoreBatch batch) => batch.Delete(Family.Meta, StateKey);

    /// <summary>Marks a store as unfinished: nobody opens it until a state is stored.</summary>
    internal static void StoreUnfinished(IStoreBatch batch) => batch.Put(Family.Meta, StateKey, [Unfinished]);

    internal void Store(IStoreBatch batch, ByteWriter scratch, bool withRanges, bool withMembers)
    {
        scratch.Clear();
        scratch.Byte(Format);
        scratch.Varint(AppliedIndex);
        scratch.Varint(Term);
        scratch.Varint(Revision);
        scratch.Varint(CompactedRevision);
        scratch.Varint((long)ClusterId);
        scratch.Varint((long)MemberId);
        scratch.Varint((long)LeaderId);
        batch.Put(Family.Meta, StateKey, scratch.Written);
        if (withRanges && Ranges is not null)
        {
            scratch.Clear();
            RangeMapCodec.Write(scratch, Ranges);
            batch.Put(Family.Meta, RangesKey, scratch.Written);
        }

        if (withMembers)
        {
            batch.Put(Family.Meta, AlarmsKey, new AlarmResponse { Alarms = { Alarms } }.ToByteArray());
            if (PeerUrls is not null)
            {
                batch.Put(Family.Meta, PeerUrlsKey, new MemberUpdateRequest { PeerURLs = { PeerUrls } }.ToByteArray());
            }
        }
    }
}
