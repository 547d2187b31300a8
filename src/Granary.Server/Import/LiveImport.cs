using System.Runtime.CompilerServices;
using Google.Protobuf;
using Google.Protobuf.Collections;
using Granary.Mvcc.Keys;
using Granary.Protos;
using Granary.Server.Commands;
using Grpc.Core;

namespace Granary.Server.Import;

/// <summary>
/// Makes a running server have the keys of another and keep up with it. It first compares both, at one revision of the source, and writes
/// what differs: so a run that was interrupted goes on where it was. Then it follows by watch, a txn per revision or several.
/// </summary>
internal sealed class LiveImport(EtcdEndpoint source, EtcdEndpoint target, bool delete, TimeProvider time)
{
    private static readonly TimeSpan RetryInterval = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LeaseInterval = TimeSpan.FromSeconds(1);

    private static readonly ByteString All = ByteString.CopyFrom(0);

    private readonly TargetWriter _writer = new(source, target);

    // The revision of the source up to which the target has everything.
    private long _reached;

    // Whether the source no longer has what comes next.
    private bool _isCompacted;

    /// <summary>Returns when copied, or, when following, when interrupted: then all that was told of is in the target.</summary>
    public async Task<int> Run(bool follow, CancellationToken cancellationToken)
    {
        _reached = await Copy(cancellationToken);
        if (!follow)
        {
            return 0;
        }

        await Console.Error.WriteLineAsync($"granary: following {source.Address}; interrupt to end");
        try
        {
            while (true)
            {
                try
                {
                    await Follow(cancellationToken);
                }
                catch (RpcException exception) when (EtcdEndpoint.IsPassing(exception) && !cancellationToken.IsCancellationRequested)
                {
                    await Console.Error.WriteLineAsync($"granary: {exception.Status.Detail}; trying again");
                    await Task.Delay(RetryInterval, time, cancellationToken);
                }

                // The target may have lost leases meanwhile, and their keys: comparing finds out. What was deleted in between the watch tells.
                _writer.Reset();
                var copied = await CopyUntilDone(cancellationToken);
                if (_isCompacted)
                {
                    _isCompacted = false;
                    _reached = copied;
                    await Console.Error.WriteLineAsync(
                        "granary: the source has compacted what comes next; keys deleted there meanwhile are still in the target, --delete removes them");
                }
            }
        }
        catch (Exception exception) when (cancellationToken.IsCancellationRequested && exception is OperationCanceledException or RpcException)
        {
            await Console.Error.WriteLineAsync($"granary: the target has all of {source.Address} up to revision {_reached}");
            return 0;
        }
    }

    private async Task<long> CopyUntilDone(CancellationToken cancellationToken)
    {
        while (true)
        {
            try
            {
                return await Copy(cancellationToken);
            }
            catch (RpcException exception) when (EtcdEndpoint.IsPassing(exception) && !cancellationToken.IsCancellationRequested)
            {
                _writer.Reset();
                await Task.Delay(RetryInterval, time, cancellationToken);
            }
        }
    }

    /// <summary>Writes what differs between source and target; returns the revision of the source that was copied.</summary>
    private async Task<long> Copy(CancellationToken cancellationToken)
    {
        var (revision, count) = await KeyPages.Look(source, cancellationToken);
        var there = await KeyPages.Look(target, cancellationToken);
        var (written, extra) = await ConsoleProgress.Run(progress => Copy(
            Differences(revision, there.Revision, progress.Begin($"copying {source.Address} to {target.Address}", count), cancellationToken),
            cancellationToken));
        await Console.Error.WriteLineAsync(
            $"granary: the target has all {count} keys of revision {revision}; {written} were written"
            + (extra > 0 ? $"; {extra} that only the target has were left alone, --delete removes them" : ""));
        return revision;
    }

    private async Task<(long Written, long Extra)> Copy(IAsyncEnumerable<PairDifference> differences, CancellationToken cancellationToken)
    {
        long written = 0;
        long extra = 0;
        await foreach (var difference in differences)
        {
            if (difference.Wanted is { } pair)
            {
                await _writer.Put(pair, cancellationToken);
                written++;
            }
            else if (delete)
            {
                await _writer.Delete(difference.Key, cancellationToken);
                written++;
            }
            else
            {
                extra++;
            }
        }

        await _writer.Flush(cancellationToken);
        return (written, extra);
    }

    private async IAsyncEnumerable<PairDifference> Differences(
        long sourceRevision, long targetRevision, Action<long> looked, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await using var wanted = KeyPages.Read(source, sourceRevision, cancellationToken).GetAsyncEnumerator(cancellationToken);
        await using var there = KeyPages.Read(target, targetRevision, cancellationToken).GetAsyncEnumerator(cancellationToken);
        var wantedLeft = await wanted.MoveNextAsync();
        var thereLeft = await there.MoveNextAsync();
        while (wantedLeft || thereLeft)
        {
            var order = !wantedLeft ? 1 : !thereLeft ? -1 : KeyRange.Compare(wanted.Current.Key, there.Current.Key);
            if (order > 0)
            {
                yield return new PairDifference(there.Current.Key, null);
            }
            else if (order < 0 || !wanted.Current.Value.Equals(there.Current.Value) || wanted.Current.Lease != there.Current.Lease)
            {
                yield return new PairDifference(wanted.Current.Key, wanted.Current);
            }

            if (order <= 0)
            {
                // Also of a key that needs no writing: its lease in the target is to be kept alive.
                await _writer.EnsureLease(wanted.Current.Lease, cancellationToken);
                looked(1);
                wantedLeft = await wanted.MoveNextAsync();
            }

            if (order >= 0)
            {
                thereLeft = await there.MoveNextAsync();
            }
        }
    }

    /// <summary>Applies what happens from where it was; returns when something was lost that only a comparison can bring back.</summary>
    private async Task Follow(CancellationToken cancellationToken)
    {
        using var ends = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var keeping = KeepLeases(ends);
        try
        {
            using var call = source.Watch.Watch(cancellationToken: ends.Token);
            await call.RequestStream.WriteAsync(
                new WatchRequest { CreateRequest = new WatchCreateRequest { Key = All, RangeEnd = All, StartRevision = _reached + 1 } },
                ends.Token);
            await foreach (var response in call.ResponseStream.ReadAllAsync(ends.Token))
            {
                if (response.Canceled)
                {
                    _isCompacted = true;
                    return;
                }

                if (response.Events.Count > 0)
                {
                    await Apply(response.Events, ends.Token);
                    _reached = response.Events[^1].Kv.ModRevision;
                }
            }
        }
        catch (Exception exception) when (
            exception is OperationCanceledException or RpcException && ends.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            // A lease of the target has ended too early.
        }
        finally
        {
            await ends.CancelAsync();
            await keeping;
        }
    }

    /// <summary>Whole revisions share a txn as long as there is room: the target never shows a part of one that fits into a txn.</summary>
    private async Task Apply(RepeatedField<Event> events, CancellationToken cancellationToken)
    {
        for (var first = 0; first < events.Count;)
        {
            var end = first;
            var bytes = 0;
            for (; end < events.Count && events[end].Kv.ModRevision == events[first].Kv.ModRevision; end++)
            {
                bytes += events[end].Kv.Key.Length + events[end].Kv.Value.Length;
            }

            if (HoldsAny(events, first, end) || _writer.MustFlushBefore(end - first, bytes))
            {
                await _writer.Flush(cancellationToken);
            }

            for (; first < end; first++)
            {
                if (events[first].Type == Event.Types.EventType.Delete)
                {
                    await _writer.Delete(events[first].Kv.Key, cancellationToken);
                }
                else
                {
                    await _writer.Put(events[first].Kv, cancellationToken);
                }
            }
        }

        await _writer.Flush(cancellationToken);
    }

    private bool HoldsAny(RepeatedField<Event> events, int first, int end)
    {
        for (var i = first; i < end; i++)
        {
            if (_writer.Holds(events[i].Kv.Key))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>The target's leases live as long as those of the source that they stand for; ends the following when one does not.</summary>
    private async Task KeepLeases(CancellationTokenSource ends)
    {
        using var timer = new PeriodicTimer(LeaseInterval, time);
        try
        {
            while (await timer.WaitForNextTickAsync(ends.Token))
            {
                foreach (var lease in _writer.Leases.ToArray())
                {
                    if (!await Keep(lease, ends.Token))
                    {
                        await ends.CancelAsync();
                        return;
                    }
                }
            }
        }
        catch (Exception exception) when (exception is OperationCanceledException or RpcException)
        {
            // Whoever follows sees the same failure, or has ended.
        }
    }

    /// <summary>Keeps a lease of the target as long as the source has it; false when it is gone there already.</summary>
    private async Task<bool> Keep(long lease, CancellationToken cancellationToken)
    {
        var left = await source.Lease.LeaseTimeToLiveAsync(new LeaseTimeToLiveRequest { ID = lease }, cancellationToken: cancellationToken);
        if (left.TTL > 0)
        {
            using var call = target.Lease.LeaseKeepAlive(cancellationToken: cancellationToken);
            await call.RequestStream.WriteAsync(new LeaseKeepAliveRequest { ID = lease }, cancellationToken);
            var isKept = await call.ResponseStream.MoveNext(cancellationToken) && call.ResponseStream.Current.TTL > 0;
            await call.RequestStream.CompleteAsync();
            return isKept;
        }

        _writer.Forget(lease);
        try
        {
            await target.Lease.LeaseRevokeAsync(new LeaseRevokeRequest { ID = lease }, cancellationToken: cancellationToken);
        }
        catch (RpcException exception) when (exception.StatusCode == StatusCode.NotFound)
        {
            // It has ended by itself.
        }

        return true;
    }
}
