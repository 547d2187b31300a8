using System.Globalization;
using CsCheck;
using Google.Protobuf;
using Granary.Model;
using Granary.Mvcc.Evaluation;
using Granary.Protos;
using Granary.Storage.Replicas;
using Granary.Storage.Stores.Memory;

namespace Granary.Storage.Tests;

/// <summary>A range says how many keys it has also where it does not look at each of them; the truth is what a scan of all finds.</summary>
public sealed class KeyCountTests : IDisposable
{
    private const int Keys = 8000;
    private const int EntriesPerStep = 100;

    private readonly Replica _replica = new(new MemoryStore());
    private readonly AppliedLog _log;

    public KeyCountTests() => _log = new AppliedLog(_replica);

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private static Gen<Change> Changes { get; } = Gen.Select(Gen.Int[0, 9], Gen.Int[0, Keys - 1], Gen.Int[1, 400], Gen.Int[1, 7]).Select((kind, from, length, stride) => kind switch
    {
        < 5 => new Change(from, from + (length * stride), stride, IsDelete: false),
        < 9 => new Change(from, from + (length * stride), stride, IsDelete: true),
        _ => new Change(0, Keys, 1, IsDelete: true),
    });

    private static Gen<RangeRequest> Ranges { get; } = Gen.Select(Gen.Int[0, Keys], Gen.Int[0, Keys * 5 / 4], Gen.Bool, Gen.Int[1, 50], Gen.Int[0, 20]).Select(
        static (from, to, countOnly, limit, back) => new RangeRequest
        {
            Key = Key(from),
            RangeEnd = to > Keys ? ByteString.CopyFrom(0) : Key(to),
            CountOnly = countOnly,
            Limit = countOnly ? 0 : limit,
            Revision = -back,
        });

    [Fact]
    public void Counts_are_those_of_a_scan_of_now_and_of_revisions_before_while_keys_come_and_go() =>
        Gen.Select(Changes.Array[1, 40], Ranges.Array[1, 5].Array[40]).Sample(
            (changes, ranges) =>
            {
                using var replica = new Replica(new MemoryStore());
                var log = new AppliedLog(replica);
                PutAll(log);
                for (var i = 0; i < changes.Length; i++)
                {
                    log.Write(changes[i].Request, Stop);
                    if (i % 3 == 0 && replica.HasDeferred)
                    {
                        replica.ApplyDeferred(maxChanges: Keys);
                        replica.Publish();
                    }

                    using var view = replica.View();
                    foreach (var range in ranges[i])
                    {
                        var request = range.Clone();
                        request.Revision = Math.Max(view.Revision + range.Revision, 1);
                        MustCount(request, view);
                    }
                }
            },
            iter: 40);

    [Fact]
    public void What_was_counted_once_is_not_looked_at_again_now_or_at_a_revision_before()
    {
        PutAll(_log);
        Assert.InRange(Steps(new RangeRequest { Limit = 10 }), Keys / EntriesPerStep, int.MaxValue);
        Assert.InRange(Steps(new RangeRequest { Limit = 10 }), 1, 20);
        var before = _replica.State.Revision;
        _log.Write(new Change(1000, 3000, 5, IsDelete: true).Request, Stop);
        _log.Write(new Change(9000, 9400, 1, IsDelete: false).Request, Stop);
        Assert.InRange(Steps(new RangeRequest { Limit = 10 }), 1, 20);
        Assert.InRange(Steps(new RangeRequest { CountOnly = true, Revision = before }), 1, 20);
        Assert.InRange(Steps(new RangeRequest { CountOnly = true, Key = Key(100), RangeEnd = Key(7000) }), 1, 30);
    }

    [Fact]
    public void A_part_that_grows_is_counted_anew_and_in_smaller_ones()
    {
        PutAll(_log);
        Steps(new RangeRequest { CountOnly = true });
        for (var round = 0; round < 5; round++)
        {
            var puts = Enumerable.Range(0, 1000).Select(i => new RequestOp { RequestPut = new PutRequest { Key = ByteString.CopyFromUtf8($"k04000/{round}/{i:D4}") } });
            _log.Write(new TxnRequest { Success = { puts } }, Stop);
        }

        Assert.InRange(Steps(new RangeRequest { CountOnly = true }), 5000 / EntriesPerStep, int.MaxValue);
        Assert.InRange(Steps(new RangeRequest { CountOnly = true, RangeEnd = ByteString.CopyFromUtf8("k04000/2/0500") }), 1, 20);
    }

    [Fact]
    public async Task Those_who_count_while_others_write_count_the_state_that_they_hold()
    {
        PutAll(_log);
        var done = false;
        var readers = Enumerable.Range(0, 2).Select(seed => Task.Run(
            () =>
            {
                var random = new Random(seed);
                var counted = 0;
                for (; !Volatile.Read(ref done) || counted < 100; counted++)
                {
                    using var view = _replica.View();
                    var revision = Math.Max(1, view.Revision - random.Next(3));
                    MustCount(new RangeRequest { Key = Key(random.Next(Keys / 2)), RangeEnd = Key((Keys / 2) + random.Next(Keys / 2)), Limit = 1, Revision = revision }, view);
                }
            },
            Stop)).ToArray();
        var writer = new Random(7);
        for (var commit = 0; commit < 500; commit++)
        {
            var from = writer.Next(Keys);
            _log.Write(new Change(from, from + writer.Next(1, 60), 1, IsDelete: commit % 2 == 0).Request, Stop);
        }

        Volatile.Write(ref done, true);
        await Task.WhenAll(readers);
    }

    public void Dispose() => _replica.Dispose();

    private static ByteString Key(int number) => ByteString.CopyFromUtf8(string.Create(CultureInfo.InvariantCulture, $"k{number:D5}"));

    private static void MustCount(RangeRequest request, ReplicaView view)
    {
        var whole = request.Clone();
        (whole.CountOnly, whole.Limit, whole.KeysOnly) = (false, 0, true);
        Assert.Equal(RangeEvaluation.Run(whole, view, Stop).Kvs.Count, RangeEvaluation.Run(request, view, Stop).Count);
    }

    private static void PutAll(AppliedLog log) => log.Write(new Change(0, Keys, 1, IsDelete: false).Request, Stop);

    /// <summary>In how many steps a range is answered, of all keys unless it says otherwise. Its count is right.</summary>
    private int Steps(RangeRequest request)
    {
        request.Key = request.Key.IsEmpty ? ByteString.CopyFrom(0) : request.Key;
        request.RangeEnd = request.RangeEnd.IsEmpty ? ByteString.CopyFrom(0) : request.RangeEnd;
        using var view = _replica.View();
        using var evaluation = new RangeEvaluation(request, view);
        var steps = 1;
        while (!evaluation.Step(EntriesPerStep))
        {
            steps++;
        }

        MustCount(request, view);
        return steps;
    }

    /// <summary>Puts or deletes every so many keys of a part of them, all or none.</summary>
    private sealed record Change(int From, int To, int Stride, bool IsDelete)
    {
        // What is one range is deleted as one, so that very many keys go as a whole.
        public TxnRequest Request => new()
        {
            Success =
            {
                IsDelete && Stride == 1
                    ? [new RequestOp { RequestDeleteRange = new DeleteRangeRequest { Key = Key(From), RangeEnd = Key(To) } }]
                    : Enumerable.Range(0, (To - From + Stride - 1) / Stride).Select(i => From + (i * Stride)).Select(number => IsDelete
                        ? new RequestOp { RequestDeleteRange = new DeleteRangeRequest { Key = Key(number) } }
                        : new RequestOp { RequestPut = new PutRequest { Key = Key(number) } }),
            },
        };
    }
}
