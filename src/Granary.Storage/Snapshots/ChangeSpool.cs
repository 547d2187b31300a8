using Granary.Protos;
using Granary.Storage.Snapshots.Ordering;

namespace Granary.Storage.Snapshots;

/// <summary>Changes of some revisions that follow each other, on their way into a store. One thread adds; when it is done they are read.</summary>
public sealed class ChangeSpool : IDisposable
{
    private const int WriteBufferBytes = 64 << 10;
    private const int ReadBufferBytes = 1 << 20;

    private readonly Spool _spool;
    private byte[] _record = [];

    internal ChangeSpool(TemporarySpace space) => _spool = new Spool(space, WriteBufferBytes);

    internal long Length => _spool.Length;

    /// <summary>Takes a change, in order of revision and then of <paramref name="sub"/>.</summary>
    /// <param name="change">As a watch tells it.</param>
    /// <param name="sub">Which one of its revision it is, from 0.</param>
    /// <exception cref="IOException">There is no more room.</exception>
    public void Add(Event change, int sub)
    {
        var isDelete = change.Type == Event.Types.EventType.Delete;
        var pair = isDelete ? new KeyValueWire { Key = change.Kv.Key.Span } : KeyValueWire.Of(change.Kv);
        var bytes = pair.Size();
        Span<byte> head = stackalloc byte[sizeof(long) + (3 * sizeof(int))];
        BitConverter.TryWriteBytes(head, change.Kv.ModRevision);
        BitConverter.TryWriteBytes(head[8..], sub);
        BitConverter.TryWriteBytes(head[12..], isDelete ? 1 : 0);
        BitConverter.TryWriteBytes(head[16..], bytes);
        _spool.Write(head);
        var record = Record(bytes);
        pair.Write(record);
        _spool.Write(record);
    }

    public void Dispose() => _spool.Dispose();

    internal delegate void Taker(RevisionKey revision, in KeyValueWire pair);

    /// <summary>Hands on all changes up to a revision.</summary>
    internal void Read(long lastRevision, Taker take)
    {
        var changes = new SpoolReader(_spool, 0, _spool.Length, ReadBufferBytes);
        while (!changes.IsAtEnd)
        {
            var revision = new RevisionKey(changes.ReadInt64(), changes.ReadInt32(), changes.ReadInt32() != 0);
            if (revision.Main > lastRevision)
            {
                return;
            }

            var record = Record(changes.ReadInt32());
            changes.Read(record);
            take(revision, KeyValueWire.Read(record));
        }
    }

    private Span<byte> Record(int bytes)
    {
        if (_record.Length < bytes)
        {
            _record = new byte[Math.Max(bytes, 2 * _record.Length)];
        }

        return _record.AsSpan(0, bytes);
    }
}
