using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using Google.Protobuf;
using Granary.Storage.Bolt;
using Granary.Storage.Replicas;
using Granary.Storage.Snapshots.Ordering;

namespace Granary.Storage.Snapshots;

/// <summary>
/// One state of a replica as a database of etcd, read from its first byte to its last. Everything was gathered when it was made:
/// it holds no state of the replica, only temporary files and a few MiB.
/// </summary>
public sealed class SnapshotExport : IDisposable
{
    /// <summary>What the names of its temporary files look like, should a crash leave one.</summary>
    public const string TemporaryFiles = Spool.FilePattern;

    // etcd 3.5 starts with it, and later ones take it for one that 3.5 has made, which they can.
    private static readonly byte[] ClusterVersion = "3.5.0"u8.ToArray();

    private const int LeaseSpoolBytes = 256 << 10;
    private const int RecordsPerCancellationCheck = 4096;

    private readonly ReplicaState _state;
    private readonly SnapshotMember _member;
    private readonly OrderedRecords _records;
    private readonly Spool _leases;
    private readonly List<byte[]> _alarms;
    private readonly (bool IsEnabled, ulong Revision) _auth;
    private readonly List<(byte[] Name, byte[] Message)> _users;
    private readonly List<(byte[] Name, byte[] Message)> _roles;
    private readonly PageBuffer _pages = new();
    private IEnumerator<bool>? _steps;

    private SnapshotExport(ReplicaView view, SnapshotMember member, OrderedRecords records, TemporarySpace space)
    {
        _state = view.State;
        _member = member;
        _records = records;
        _alarms = [.. _state.Alarms.Select(static alarm => alarm.ToByteArray())];
        _alarms.Sort(static (x, y) => x.AsSpan().SequenceCompareTo(y));
        _auth = AuthRecords.ReadState(view.Snapshot);
        _users = [.. AuthRecords.Read(view.Snapshot, AuthRecords.User)];
        _roles = [.. AuthRecords.Read(view.Snapshot, AuthRecords.Role)];
        _leases = new Spool(space, LeaseSpoolBytes);
        Span<byte> lease = stackalloc byte[2 * sizeof(long)];
        foreach (var granted in view.Leases())
        {
            BinaryPrimitives.WriteInt64LittleEndian(lease, granted.Id);
            BinaryPrimitives.WriteInt64LittleEndian(lease[sizeof(long)..], granted.TtlSeconds);
            _leases.Write(lease);
        }
    }

    public BoltLayout Layout { get; private set; }

    public long Revision => _state.Revision;

    /// <param name="view">The state; not needed any more when this returns.</param>
    /// <param name="member">Who is named as the member.</param>
    /// <param name="space">Where temporary files may be, as large as the data.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="InvalidDataException">The state contradicts itself.</exception>
    public static Task<SnapshotExport> Gather(
        ReplicaView view, SnapshotMember member, TemporarySpace space, CancellationToken cancellationToken) =>
        Gather(view, member, space, OrderingMemory.Default, cancellationToken);

    internal static async Task<SnapshotExport> Gather(
        ReplicaView view, SnapshotMember member, TemporarySpace space, OrderingMemory memory, CancellationToken cancellationToken)
    {
        var records = await OrderedRecords.Gather(view.Snapshot, view.CompactedRevision, space, memory, cancellationToken);
        var export = new SnapshotExport(view, member, records, space);
        try
        {
            export.Plan(cancellationToken);
            return export;
        }
        catch
        {
            export.Dispose();
            throw;
        }
    }

    /// <summary>Gives the next <paramref name="minBytes"/> or a little more, less at the end; returns how many, and then 0.</summary>
    /// <param name="buffer">Exchanged for one with these bytes.</param>
    /// <param name="minBytes">How many there should be.</param>
    public int Read(ref byte[] buffer, int minBytes)
    {
        _steps ??= Steps(BoltWriter.To(_pages, Layout), withData: true).GetEnumerator();
        while (_pages.Length < minBytes && _steps.MoveNext())
        {
        }

        return _pages.Exchange(ref buffer);
    }

    public void Dispose()
    {
        _steps?.Dispose();
        _records.Dispose();
        _leases.Dispose();
    }

    private void Plan(CancellationToken cancellationToken)
    {
        var writer = BoltWriter.ToPlan();
        var count = 0;
        foreach (var _ in Steps(writer, withData: false))
        {
            if (++count % RecordsPerCancellationCheck == 0)
            {
                cancellationToken.ThrowIfCancellationRequested();
            }
        }
    }

    /// <summary>Writes everything, a record at a time.</summary>
    private IEnumerable<bool> Steps(BoltWriter writer, bool withData)
    {
        writer.BeginBucket(EtcdBackend.Alarms);
        foreach (var alarm in _alarms)
        {
            writer.Add(alarm, []);
        }

        writer.EndBucket();

        writer.BeginBucket(EtcdBackend.Auth);
        writer.Add(EtcdBackend.AuthEnabled, _auth.IsEnabled ? [1] : [0]);
        writer.Add(EtcdBackend.AuthRevision, BigEndian(_auth.Revision));
        writer.EndBucket();

        WriteNamed(writer, EtcdBackend.Roles, _roles);
        WriteNamed(writer, EtcdBackend.Users, _users);

        writer.BeginBucket(EtcdBackend.Cluster);
        writer.Add(EtcdBackend.ClusterVersion, ClusterVersion);
        writer.EndBucket();

        writer.BeginBucket(EtcdBackend.Keys);
        var records = _records.Read(withData);
        while (records.MoveNext())
        {
            var revision = records.Revision;
            var room = writer.Add(revision.Length, records.Bytes);
            if (!room.IsEmpty)
            {
                revision.Write(room);
                room = room[revision.Length..];
            }

            records.Take(room);
            yield return false;
        }

        writer.EndBucket();

        writer.BeginBucket(EtcdBackend.Leases);
        var leases = new SpoolReader(_leases, 0, _leases.Length, LeaseSpoolBytes / 4);
        while (!leases.IsAtEnd)
        {
            var lease = new Protos.Stored.Lease { ID = leases.ReadInt64(), TTL = leases.ReadInt64() };
            writer.Add(BigEndian((ulong)lease.ID), lease.ToByteArray());
            yield return false;
        }

        writer.EndBucket();

        writer.BeginBucket(EtcdBackend.Members);
        writer.Add(Encoding.ASCII.GetBytes(_member.Id.ToString("x", CultureInfo.InvariantCulture)), _member.ToJson());
        writer.EndBucket();

        writer.BeginBucket(EtcdBackend.RemovedMembers);
        writer.EndBucket();

        WriteMeta(writer);
        Layout = writer.Complete();
        yield return true;
    }

    private void WriteMeta(BoltWriter writer)
    {
        writer.BeginBucket(EtcdBackend.Meta);
        writer.Add(EtcdBackend.ConfState, Encoding.ASCII.GetBytes($$"""{"voters":[{{_member.Id}}],"auto_leave":false}"""));
        writer.Add(EtcdBackend.ConsistentIndex, BigEndian((ulong)_state.AppliedIndex));
        if (_state.CompactedRevision >= 0)
        {
            var compacted = new byte[RevisionKey.Bytes];
            new RevisionKey(_state.CompactedRevision, 0, false).Write(compacted);
            writer.Add(EtcdBackend.FinishedCompaction, compacted);
            writer.Add(EtcdBackend.ScheduledCompaction, compacted);
        }

        writer.Add(EtcdBackend.Term, BigEndian((ulong)_state.Term));
        writer.EndBucket();
    }

    private static void WriteNamed(BoltWriter writer, ReadOnlySpan<byte> bucket, List<(byte[] Name, byte[] Message)> records)
    {
        writer.BeginBucket(bucket);
        foreach (var (name, message) in records)
        {
            writer.Add(name, message);
        }

        writer.EndBucket();
    }

    private static byte[] BigEndian(ulong value)
    {
        var bytes = new byte[sizeof(ulong)];
        BinaryPrimitives.WriteUInt64BigEndian(bytes, value);
        return bytes;
    }
}
