using Google.Protobuf;
using Granary.Model;
using Granary.Mvcc.Auth;
using Granary.Mvcc.Evaluation;
using Granary.Mvcc.Keys;
using Granary.Protos;

namespace Granary.Mvcc.Tests;

/// <summary>The model's history as a view, so that evaluation is tested without a store.</summary>
internal sealed class ModelView(ModelStore store) : IKeyspaceView
{
    public long Revision { get; } = store.Revision;

    public long CompactedRevision => store.CompactedRevision;

    private readonly long[] _leases = [.. store.Leases];

    public bool HasAlarm(AlarmType kind) => Alarms.Contains(kind);

    public IReadOnlyList<AlarmType> Alarms { get; init; } = [];

    public AuthState Auth { get; init; } = AuthState.Initial;

    public bool HasLease(long id) => _leases.Contains(id);

    public IReadOnlyList<ByteString> AttachedKeys(long lease, int max = int.MaxValue) =>
        [.. store.PairsAt(Revision).Where(pair => pair.Lease == lease).Select(pair => pair.Key).Take(max)];

    public ByteString? NextAttached(long lease, ByteString from) => AttachedKeys(lease).FirstOrDefault(key => KeyRange.Compare(key, from) >= 0);

    public bool HasVeryManyAttached(long lease) => false;

    public AttachedCount CountAttached(long lease, CancellationToken cancellationToken) => AttachedCount.Of(AttachedKeys(lease));

    public KeyValue? Find(ByteString key, long revision) => store.PairsAt(revision).Find(pair => pair.Key == key)?.Clone();

    public IPairCursor Scan(KeyRange keys, long revision) => new Cursor([.. store.PairsAt(revision).Where(pair => keys.Contains(pair.Key))]);

    private sealed class Cursor(List<KeyValue> pairs) : IPairCursor
    {
        private int _position = -1;

        public CursorMove MoveNext(ref int budget) => budget-- <= 0 ? CursorMove.Paused : ++_position < pairs.Count ? CursorMove.Pair : CursorMove.End;

        public ReadOnlySpan<byte> Key => pairs[_position].Key.Span;

        public long Lease => pairs[_position].Lease;

        public KeyValue Read(bool withValue)
        {
            var pair = pairs[_position].Clone();
            if (!withValue)
            {
                pair.Value = ByteString.Empty;
            }

            return pair;
        }

        public void Dispose() => _position = pairs.Count;
    }
}
