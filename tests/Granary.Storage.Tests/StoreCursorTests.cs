using System.Globalization;
using System.Text;
using CsCheck;
using Granary.Mvcc.Evaluation;
using Granary.Storage.Stores;
using Granary.Storage.Stores.Memory;
using Granary.Storage.Stores.Rocks;

namespace Granary.Storage.Tests;

/// <summary>A cursor stops among very many deleted keys, and goes on from there as if it had not.</summary>
public sealed class StoreCursorTests
{
    private const int Keys = 100_000;
    private const int EntriesPerPause = 32;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public void A_seek_over_very_many_deleted_keys_pauses_and_then_goes_on()
    {
        using var place = new StorePlace(onDisk: true);
        using var store = new RocksStore(new RocksStoreOptions { Directory = place.StoreDirectory });
        PutAll(store);
        DeleteAll(store);
        using var snapshot = store.Snapshot();
        using var cursor = snapshot.Scan(Family.Latest, default, null);
        Assert.Equal(CursorMove.Paused, cursor.TryMoveNext());
        using (var left = new CancellationTokenSource())
        {
            left.Cancel();
            Assert.Throws<OperationCanceledException>(() => cursor.MoveOn(left.Token));
        }

        Assert.True(cursor.MoveOn(Stop));
        Assert.Equal("last", Encoding.ASCII.GetString(cursor.Key));
        Assert.Equal(CursorMove.Paused, cursor.TrySeek(Key(10)));
        Assert.True(cursor.MoveNext());
        Assert.Equal("last", Encoding.ASCII.GetString(cursor.Key));
        Assert.True(cursor.Seek(Key(10)));
        Assert.Equal("last", Encoding.ASCII.GetString(cursor.Key));
        Assert.Equal(CursorMove.End, cursor.TryMoveNext());
    }

    [Fact]
    public void Files_of_deleted_keys_are_rewritten_by_themselves()
    {
        using var place = new StorePlace(onDisk: true);
        using var store = new RocksStore(new RocksStoreOptions { Directory = place.StoreDirectory });
        PutAll(store);
        store.Flush();
        DeleteAll(store);
        store.Flush();
        Assert.True(SpinWait.SpinUntil(FindsAtOnce, TimeSpan.FromSeconds(60)), "the deletions are still there");

        bool FindsAtOnce()
        {
            using var snapshot = store.Snapshot();
            using var cursor = snapshot.Scan(Family.Latest, default, null);
            return cursor.TryMoveNext() == CursorMove.Pair;
        }
    }

    [Fact]
    public void Pauses_change_nothing_of_what_a_cursor_finds()
    {
        // Few keys, and runs of them: much is deleted, put again, hidden from a snapshot, covered by deletions of ranges.
        var key = Gen.Int[0, 400];
        var change = Gen.Frequency(
            (3, Gen.Select(key, key, static (first, count) => new Change('p', first, count))),
            (3, Gen.Select(key, key, static (first, count) => new Change('d', first, count))),
            (1, Gen.Select(key, key, static (first, count) => new Change('r', first, count))),
            (1, Gen.Const(new Change('f', 0, 0))),
            (2, Gen.Const(new Change('s', 0, 0))));
        Gen.Select(change.Array[1, 40], Gen.Int[-1, 400].Array[1, 40]).Sample(
            static (changes, moves) => Compare(changes, moves), iter: 100, threads: 1);
    }

    private static void Compare(Change[] changes, int[] moves)
    {
        using var place = new StorePlace(onDisk: true);
        using var store = new RocksStore(new RocksStoreOptions { Directory = place.StoreDirectory, EntriesPerPause = EntriesPerPause });
        using var model = new MemoryStore();
        var snapshots = new List<(IStoreSnapshot Snapshot, IStoreSnapshot Expected)>();
        for (var i = 0; i < changes.Length; i++)
        {
            var change = changes[i];
            switch (change.Kind)
            {
                case 'f':
                    store.Flush();
                    break;
                case 's':
                    snapshots.Add((store.Snapshot(), model.Snapshot()));
                    break;
                default:
                    Apply(store, change, i);
                    Apply(model, change, i);
                    break;
            }
        }

        snapshots.Add((store.Snapshot(), model.Snapshot()));
        foreach (var (snapshot, expected) in snapshots)
        {
            using (snapshot)
            using (expected)
            {
                Walk(snapshot, expected, moves);
            }
        }
    }

    private static void Apply(IStore store, Change change, int number)
    {
        using var batch = store.CreateBatch();
        var end = change.First + change.Count;
        switch (change.Kind)
        {
            case 'r':
                batch.DeleteRange(Family.Latest, Key(change.First), Key(end));
                break;
            case 'p':
                for (var key = change.First; key < end; key++)
                {
                    batch.Put(Family.Latest, Key(key), Encoding.ASCII.GetBytes(number.ToString(CultureInfo.InvariantCulture)));
                }

                break;
            default:
                for (var key = change.First; key < end; key++)
                {
                    batch.Delete(Family.Latest, Key(key));
                }

                break;
        }

        store.Write(batch);
    }

    /// <summary>Seeks a key at each number, goes on at each -1, and in the end to the last entry.</summary>
    private static void Walk(IStoreSnapshot snapshot, IStoreSnapshot expected, int[] moves)
    {
        using var cursor = snapshot.Scan(Family.Latest, Key(5), Key(700));
        using var model = expected.Scan(Family.Latest, Key(5), Key(700));
        var isOnEntry = true;
        foreach (var move in moves)
        {
            if (move >= 0)
            {
                // Behind a pause as well: a new seek forgets the one that was under way.
                cursor.TrySeek(Key(move / 2));
                Same(cursor.Seek(Key(Math.Max(5, move))), model.Seek(Key(Math.Max(5, move))));
            }
            else if (isOnEntry)
            {
                Same(cursor.MoveOn(Stop), model.MoveNext());
            }
        }

        while (isOnEntry)
        {
            Same(cursor.MoveOn(Stop), model.MoveNext());
        }

        void Same(bool found, bool isExpected)
        {
            Assert.Equal(isExpected, found);
            isOnEntry = found;
            if (found)
            {
                Assert.Equal(model.Key.ToArray(), cursor.Key.ToArray());
                Assert.Equal(model.Value.ToArray(), cursor.Value.ToArray());
            }
        }
    }

    private static void PutAll(RocksStore store)
    {
        using var batch = store.CreateBatch();
        for (var i = 0; i < Keys; i++)
        {
            batch.Put(Family.Latest, Key(i), "v"u8);
        }

        batch.Put(Family.Latest, "last"u8, "v"u8);
        store.Write(batch);
    }

    private static void DeleteAll(RocksStore store)
    {
        using var batch = store.CreateBatch();
        for (var i = 0; i < Keys; i++)
        {
            batch.Delete(Family.Latest, Key(i));
        }

        store.Write(batch);
    }

    private static byte[] Key(int number) => Encoding.ASCII.GetBytes(number.ToString("D9", CultureInfo.InvariantCulture));

    private sealed record Change(char Kind, int First, int Count);
}
