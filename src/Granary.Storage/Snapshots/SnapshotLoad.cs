using System.Buffers.Binary;
using System.Text;
using Granary.Protos;
using Granary.Storage.Bolt;
using Granary.Storage.Replicas;
using Granary.Storage.Stores;

namespace Granary.Storage.Snapshots;

/// <summary>Fills an empty store with what a snapshot holds.</summary>
public sealed class SnapshotLoad
{
    private readonly SnapshotFile _source;
    private readonly StoreFiller _filler;

    private SnapshotLoad(SnapshotFile source, StoreFiller filler)
    {
        _source = source;
        _filler = filler;
    }

    /// <param name="source">What to load.</param>
    /// <param name="store">An empty store.</param>
    /// <param name="bump">How much greater than the source's the revision is to be; unless it is 0 everything before is compacted.</param>
    /// <param name="authOff">Whether authentication is off from now on, though it is on in the source.</param>
    /// <param name="progress">Told of the bytes of records loaded since it was told last.</param>
    /// <param name="cancellationToken">Gives up; the store stays unfinished.</param>
    /// <exception cref="BoltDamagedException">The file is not what it must be.</exception>
    /// <exception cref="SnapshotRefusedException">There is no revision so great.</exception>
    public static RestoredCounts Run(SnapshotFile source, IStore store, ulong bump, bool authOff, Action<long>? progress, CancellationToken cancellationToken)
    {
        using var filler = new StoreFiller(store);
        return new SnapshotLoad(source, filler).Run(bump, authOff, progress, cancellationToken);
    }

    private RestoredCounts Run(ulong bump, bool authOff, Action<long>? progress, CancellationToken cancellationToken)
    {
        LoadLeases();
        var lastRevision = LoadKeys(progress, cancellationToken);
        var users = LoadAuth(EtcdBackend.Users, AuthRecords.User);
        var roles = LoadAuth(EtcdBackend.Roles, AuthRecords.Role);
        var isAuthEnabled = _source.IsAuthEnabled && !authOff;
        var alarms = ReadAlarms();

        // What was at the end may all be compacted away.
        var revision = Math.Max(1, Math.Max(lastRevision, _source.CompactedRevision));
        var compacted = _source.CompactedRevision;
        if (bump > 0)
        {
            // What can't be read any more is removed by the server, as after any compaction.
            compacted = revision = bump <= (ulong)(long.MaxValue - revision)
                ? revision + (long)bump
                : throw new SnapshotRefusedException($"the revision {revision} can't be made greater by {bump}");
        }

        _filler.Complete(isAuthEnabled, _source.AuthRevision, ReplicaState.Initial with { Revision = revision, CompactedRevision = compacted, Alarms = alarms });
        return new RestoredCounts(revision, compacted, _filler.Records, _filler.Leases, users, roles, isAuthEnabled, alarms.Count, _filler.Gaps);
    }

    private void LoadLeases()
    {
        var bucket = _source.Bucket(EtcdBackend.Leases);
        while (bucket?.MoveNext() is true)
        {
            var lease = Message<Protos.Stored.Lease>(bucket, bucket.Value, "lease");
            if (bucket.Key.Length != sizeof(long) || BinaryPrimitives.ReadInt64BigEndian(bucket.Key) != lease.ID || lease.TTL <= 0)
            {
                throw Damaged(bucket, "a lease has another id than its key, or no time to live");
            }

            _filler.AddLease(lease.ID, lease.TTL);
        }

        _filler.Write();
    }

    private long LoadAuth(ReadOnlySpan<byte> bucketName, byte kind)
    {
        var count = 0L;
        var bucket = _source.Bucket(bucketName);
        while (bucket?.MoveNext() is true)
        {
            if (kind == AuthRecords.User)
            {
                Message<User>(bucket, bucket.Value, "user");
            }
            else
            {
                Message<Role>(bucket, bucket.Value, "role");
            }

            _filler.AddAuth(kind, bucket.Key, bucket.Value);
            count++;
        }

        return count;
    }

    // As etcd's restore does, all of them, though the members that raised them are no more: each stays up until it is disarmed.
    private List<AlarmMember> ReadAlarms()
    {
        var alarms = new List<AlarmMember>();
        var bucket = _source.Bucket(EtcdBackend.Alarms);
        while (bucket?.MoveNext() is true)
        {
            alarms.Add(Message<AlarmMember>(bucket, bucket.Key, "alarm"));
        }

        return alarms;
    }

    private long LoadKeys(Action<long>? progress, CancellationToken cancellationToken)
    {
        var bucket = _source.Bucket(EtcdBackend.Keys)!;
        var compacted = _source.CompactedRevision;
        var last = 0L;
        while (bucket.MoveNext())
        {
            if (!RevisionKey.TryRead(bucket.Key, out var revision) || bucket.IsBucket || revision.Sub > int.MaxValue)
            {
                throw Damaged(bucket, "a record of the keys is named by something that is no revision");
            }

            var pair = Pair(bucket, revision);
            _filler.AddChange(revision, pair, compacted);
            last = revision.Main;
            if (_filler.IsFull)
            {
                progress?.Invoke(_filler.WaitingBytes);
                cancellationToken.ThrowIfCancellationRequested();
                _filler.Write();
            }
        }

        progress?.Invoke(_filler.WaitingBytes);
        _filler.Write();
        return last;
    }

    private KeyValueWire Pair(BoltCursor bucket, RevisionKey revision)
    {
        try
        {
            var pair = KeyValueWire.Read(bucket.Value);
            return pair.Key.IsEmpty ? throw Damaged(bucket, $"the record of revision {revision.Main} has no key")
                : !revision.IsTombstone && (pair.ModRevision != revision.Main || pair.Version <= 0 || pair.CreateRevision <= 0 || pair.CreateRevision > revision.Main)
                    ? throw Damaged(bucket, $"the record of revision {revision.Main} says that its pair was created at {pair.CreateRevision}, changed at {pair.ModRevision} and has version {pair.Version}")
                : pair;
        }
        catch (InvalidDataException exception)
        {
            throw Damaged(bucket, $"the record of revision {revision.Main} cannot be read: {exception.Message}");
        }
    }

    private T Message<T>(BoltCursor bucket, ReadOnlySpan<byte> stored, string what)
        where T : Google.Protobuf.IMessage<T>, new()
    {
        try
        {
            return new Google.Protobuf.MessageParser<T>(static () => new T()).ParseFrom(stored);
        }
        catch (Google.Protobuf.InvalidProtocolBufferException exception)
        {
            throw Damaged(bucket, $"the {what} {Encoding.UTF8.GetString(bucket.Key)} cannot be read: {exception.Message}");
        }
    }

    private BoltDamagedException Damaged(BoltCursor bucket, string damage) => new(_source.Path, bucket.Offset, damage);
}
