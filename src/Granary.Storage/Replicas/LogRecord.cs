using System.Buffers;
using Google.Protobuf;
using Granary.Mvcc.Evaluation;
using Granary.Mvcc.Keys;
using Granary.Protos;

namespace Granary.Storage.Replicas;

/// <summary>One record of the commit log: what every replica does at its index.</summary>
public abstract record LogRecord
{
    private protected enum Kind : byte
    {
        Term = 1,
        Commits = 2,
        Compaction = 3,
        Alarm = 4,
        PeerUrls = 5,
        Auth = 6,
    }

    /// <exception cref="InvalidDataException">The bytes are no record.</exception>
    public static LogRecord Decode(ReadOnlySpan<byte> bytes)
    {
        var reader = new ByteReader(bytes);
        var kind = (Kind)reader.Byte();
        LogRecord record = kind switch
        {
            Kind.Term => TermRecord.Decode(ref reader),
            Kind.Commits => CommitsRecord.Decode(ref reader),
            Kind.Compaction => new CompactionRecord(reader.Varint()),
            Kind.Alarm => AlarmRecord.Decode(ref reader),
            Kind.PeerUrls => PeerUrlsRecord.Decode(ref reader),
            Kind.Auth => AuthRecord.Decode(ref reader),
            _ => throw new InvalidDataException($"a log record has the unknown kind {(byte)kind}"),
        };
        return reader.IsAtEnd ? record : throw new InvalidDataException("a log record is followed by bytes that belong to none");
    }

    public abstract void Encode(ByteWriter target);

    // Each element takes a byte at least, so a count beyond the rest is damage and not a reason to allocate.
    private protected static int Count(ref ByteReader reader)
    {
        var count = reader.Varint();
        return count >= 0 && count <= reader.Rest.Length ? (int)count : throw new InvalidDataException("a log record counts more than it holds");
    }
}

/// <summary>A leader begins its term, under an id that no other ever has. The first one of all also founds the cluster: its ids and its range map.</summary>
public sealed record TermRecord(long Term, ulong LeaderId, ulong ClusterId, ulong MemberId, RangeMap Ranges) : LogRecord
{
    public override void Encode(ByteWriter target)
    {
        target.Byte((byte)Kind.Term);
        target.Varint(Term);
        target.Varint((long)LeaderId);
        target.Varint((long)ClusterId);
        target.Varint((long)MemberId);
        RangeMapCodec.Write(target, Ranges);
    }

    internal static TermRecord Decode(ref ByteReader reader) =>
        new(reader.Varint(), (ulong)reader.Varint(), (ulong)reader.Varint(), (ulong)reader.Varint(), RangeMapCodec.Read(ref reader));
}

/// <summary>The commits of one batch, each at a revision of its own, one behind the other, and the leases that come and go with it.</summary>
public sealed record CommitsRecord(
    long FirstRevision, IReadOnlyList<IReadOnlyList<Effect>> Commits, IReadOnlyList<LeaseChange> LeaseChanges) : LogRecord
{
    private const byte Put = 0;
    private const byte Delete = 1;
    private const byte DeleteMany = 2;

    /// <summary>Whether it deletes keys that it does not name one by one.</summary>
    public bool HasBulkDeletion => Commits.Any(static commit => commit.Any(static effect => effect.Bulk is not null));

    public override void Encode(ByteWriter target)
    {
        target.Byte((byte)Kind.Commits);
        target.Varint(FirstRevision);
        target.Varint(Commits.Count);
        foreach (var commit in Commits)
        {
            target.Varint(commit.Count);
            foreach (var effect in commit)
            {
                if (effect.Bulk is { } bulk)
                {
                    target.Byte(DeleteMany);
                    BulkDeletionCodec.Write(target, bulk);
                    continue;
                }

                var pair = effect.Pair;
                target.Byte(effect.IsDelete ? Delete : Put);
                target.LengthAndBytes(pair.Key.Span);
                target.Varint(effect.PreviousModRevision);
                if (!effect.IsDelete)
                {
                    target.Varint(pair.CreateRevision);
                    target.Varint(pair.Version);
                    target.Varint(pair.Lease);
                    target.LengthAndBytes(pair.Value.Span);
                }
            }
        }

        target.Varint(LeaseChanges.Count);
        foreach (var change in LeaseChanges)
        {
            target.Varint(change.Id);
            target.Varint(change.TtlSeconds);
        }
    }

    internal static CommitsRecord Decode(ref ByteReader reader)
    {
        var first = reader.Varint();
        var commits = new IReadOnlyList<Effect>[Count(ref reader)];
        for (var i = 0; i < commits.Length; i++)
        {
            var effects = new Effect[Count(ref reader)];
            for (var j = 0; j < effects.Length; j++)
            {
                effects[j] = DecodeEffect(ref reader, first + i);
            }

            commits[i] = effects;
        }

        var changes = new LeaseChange[Count(ref reader)];
        for (var i = 0; i < changes.Length; i++)
        {
            changes[i] = new LeaseChange(reader.Varint(), reader.Varint());
        }

        return new CommitsRecord(first, commits, changes);
    }

    private static Effect DecodeEffect(ref ByteReader reader, long revision)
    {
        var kind = reader.Byte();
        if (kind == DeleteMany)
        {
            return new Effect(true, new KeyValue { ModRevision = revision }, 0, null, BulkDeletionCodec.Read(ref reader));
        }

        if (kind > DeleteMany)
        {
            throw new InvalidDataException($"a log record has a change of the unknown kind {kind}");
        }

        var isDelete = kind == Delete;
        var pair = new KeyValue { Key = ByteString.CopyFrom(reader.LengthAndBytes()), ModRevision = revision };
        var previous = reader.Varint();
        if (!isDelete)
        {
            pair.CreateRevision = reader.Varint();
            pair.Version = reader.Varint();
            pair.Lease = reader.Varint();
            pair.Value = ByteString.CopyFrom(reader.LengthAndBytes());
        }

        return new Effect(isDelete, pair, previous, null);
    }
}

/// <summary>From here on nothing below <paramref name="Revision"/> can be read.</summary>
public sealed record CompactionRecord(long Revision) : LogRecord
{
    public override void Encode(ByteWriter target)
    {
        target.Byte((byte)Kind.Compaction);
        target.Varint(Revision);
    }
}

/// <summary>An alarm of a member goes up or down.</summary>
public sealed record AlarmRecord(ulong MemberId, AlarmType Type, bool IsUp) : LogRecord
{
    public override void Encode(ByteWriter target)
    {
        target.Byte((byte)Kind.Alarm);
        target.Varint((long)MemberId);
        target.Varint((int)Type);
        target.Byte(IsUp ? (byte)1 : (byte)0);
    }

    internal static AlarmRecord Decode(ref ByteReader reader) => new((ulong)reader.Varint(), (AlarmType)reader.Varint(), reader.Byte() != 0);

    /// <summary>The alarms that are up after it.</summary>
    public IReadOnlyList<AlarmMember> ApplyTo(IReadOnlyList<AlarmMember> alarms) =>
        alarms.Contains(Alarm) == IsUp ? alarms
        : IsUp ? [.. alarms, Alarm]
        : [.. alarms.Where(alarm => !alarm.Equals(Alarm))];

    private AlarmMember Alarm => new() { MemberID = MemberId, Alarm = Type };
}

/// <summary>This member tells by which URLs other members reach it.</summary>
public sealed record PeerUrlsRecord(IReadOnlyList<string> Urls) : LogRecord
{
    public override void Encode(ByteWriter target)
    {
        target.Byte((byte)Kind.PeerUrls);
        target.LengthAndBytes(new MemberUpdateRequest { PeerURLs = { Urls } }.ToByteArray());
    }

    internal static PeerUrlsRecord Decode(ref ByteReader reader) => new([.. MemberUpdateRequest.Parser.ParseFrom(reader.LengthAndBytes()).PeerURLs]);
}
