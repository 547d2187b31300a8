using Google.Protobuf;
using Google.Protobuf.Collections;
using Granary.Mvcc.Auth;
using Granary.Mvcc.Errors;
using Granary.Protos;
using Granary.Server.Configuration;
using Granary.Storage.Replicas;

namespace Granary.Server.Facade;

/// <summary>Keeps the store below its quota: what would take it there raises the alarm, which then refuses all that takes space until it is disarmed.</summary>
internal sealed partial class Quota(
    Replica replica, Alarms alarms, Member member, ServerOptions options, TimeProvider time, ILogger<Quota> logger)
{
    // What a pair takes beside its key and value, and a lease as a whole.
    private const int PairBytes = 256;
    private const int LeaseBytes = 64;

    // Asking the store for its size costs more than a write; in between it grows by what was let through.
    private static readonly TimeSpan SizeAge = TimeSpan.FromMilliseconds(100);

    private long _sizeBytes;

    // One raises the alarm, for all who find the store full at the same time.
    private bool _isRaising;
    private long _measuredAt = long.MinValue;

    public ValueTask Check(PutRequest request) => Check(CostOf(request));

    public ValueTask Check(TxnRequest request) => Check(CostOf(request));

    public ValueTask Check(LeaseGrantRequest _) => Check(LeaseBytes);

    private ValueTask Check(long cost)
    {
        if (cost == 0)
        {
            return default;
        }

        if (options.QuotaBackendBytes <= 0)
        {
            return default;
        }

        if (SizeBytes() + cost >= options.QuotaBackendBytes
            && (replica.State.HasAlarm(AlarmType.Nospace) || Measure() + cost >= options.QuotaBackendBytes))
        {
            return Refuse();
        }

        Interlocked.Add(ref _sizeBytes, cost);
        return default;
    }

    private async ValueTask Refuse()
    {
        if (!replica.State.HasAlarm(AlarmType.Nospace) && Interlocked.Exchange(ref _isRaising, true) is false)
        {
            Log.Exceeded(logger, Interlocked.Read(ref _sizeBytes), options.QuotaBackendBytes);
            try
            {
                await alarms.Raise(member.Id, AlarmType.Nospace, Caller.Server);
            }
            finally
            {
                Volatile.Write(ref _isRaising, false);
            }
        }

        throw new EtcdException(EtcdError.NoSpace);
    }

    private long SizeBytes()
    {
        var now = time.GetTimestamp();
        var measured = Interlocked.Read(ref _measuredAt);
        if ((measured == long.MinValue || time.GetElapsedTime(measured, now) > SizeAge)
            && Interlocked.CompareExchange(ref _measuredAt, now, measured) == measured)
        {
            return Measure();
        }

        return Interlocked.Read(ref _sizeBytes);
    }

    private long Measure()
    {
        var size = replica.Store.SizeBytes;
        Interlocked.Exchange(ref _sizeBytes, size);
        return size;
    }

    private static long CostOf(PutRequest request) => request.Key.Length + request.Value.Length + PairBytes;

    private static long CostOf(TxnRequest request) => Math.Max(CostOf(request.Success), CostOf(request.Failure));

    private static long CostOf(RepeatedField<RequestOp> branch)
    {
        var cost = 0L;
        foreach (var op in branch)
        {
            cost += op.RequestCase switch
            {
                RequestOp.RequestOneofCase.RequestPut => CostOf(op.RequestPut),
                RequestOp.RequestOneofCase.RequestTxn => CostOf(op.RequestTxn),
                _ => 0,
            };
        }

        return cost;
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Error,
            "The store has {SizeBytes} bytes and may have {QuotaBytes}: nothing is written that takes space. Compact, defragment, then disarm the alarm.")]
        public static partial void Exceeded(ILogger logger, long sizeBytes, long quotaBytes);
    }
}
