using System.Diagnostics;
using Google.Protobuf;
using Granary.Protos;
using Granary.Testing;
using Grpc.Core;
using Grpc.Net.Client;
using HdrHistogram;

namespace Granary.Benchmarks;

/// <summary>Sends one load to one server: closed loop, requests made beforehand, so that the sender costs as little as it can.</summary>
internal static class Load
{
    private const long MaxMicroseconds = 60_000_000;

    public static async Task<LoadResult> Run(string address, LoadOptions options, Func<Task>? onMeasuring = null, Func<Task>? onMeasured = null)
    {
        var channels = Enumerable.Range(0, options.Connections).Select(_ => Channels.To(address)).ToArray();
        var random = new Random(options.Seed);
        var value = new byte[options.ValueBytes];
        random.NextBytes(value);
        var keys = Enumerable.Range(0, options.Keys).Select(i => ByteString.CopyFromUtf8($"bench-{i:D10}")).ToArray();
        var puts = Array.ConvertAll(keys, key => new PutRequest { Key = key, Value = ByteString.CopyFrom(value) });
        var ranges = Array.ConvertAll(keys, key => new RangeRequest { Key = key });
        var txns = Array.ConvertAll(puts, put => new TxnRequest
        {
            Compare = { new Compare { Key = put.Key, Target = Compare.Types.CompareTarget.Version, Result = Compare.Types.CompareResult.Greater } },
            Success = { new RequestOp { RequestPut = put } },
            Failure = { new RequestOp { RequestPut = put } },
        });
        if (options.Workload is not Workload.Put)
        {
            await Fill.Run(channels[0], keys, value);
        }

        using var stop = new CancellationTokenSource();
        var measuring = false;
        long errors = 0;
        var callers = Enumerable.Range(0, options.Clients).Select(i => Task.Run(async () =>
        {
            var kv = new KV.KVClient(channels[i % channels.Length]);
            var own = new Random(options.Seed + i);
            var latencies = new IntHistogram(MaxMicroseconds, 2);
            while (!stop.IsCancellationRequested)
            {
                var key = own.Next(keys.Length);
                var start = Stopwatch.GetTimestamp();
                try
                {
                    switch (options.Workload)
                    {
                        case Workload.Put:
                            await kv.PutAsync(puts[key]);
                            break;
                        case Workload.Range:
                            await kv.RangeAsync(ranges[key]);
                            break;
                        case Workload.Mixed when own.Next(10) == 0:
                            await kv.PutAsync(puts[key]);
                            break;
                        case Workload.Mixed:
                            await kv.RangeAsync(ranges[key]);
                            break;
                        default:
                            await kv.TxnAsync(txns[key]);
                            break;
                    }

                    if (Volatile.Read(ref measuring))
                    {
                        latencies.RecordValue(Math.Min((long)Stopwatch.GetElapsedTime(start).TotalMicroseconds, MaxMicroseconds));
                    }
                }
                catch (RpcException)
                {
                    Interlocked.Increment(ref errors);
                }
            }

            return latencies;
        })).ToArray();

        await Task.Delay(options.WarmUp);
        await (onMeasuring?.Invoke() ?? Task.CompletedTask);
        var begin = Stopwatch.GetTimestamp();
        Volatile.Write(ref measuring, true);
        await Task.Delay(options.Duration);
        Volatile.Write(ref measuring, false);
        var elapsed = Stopwatch.GetElapsedTime(begin);
        await (onMeasured?.Invoke() ?? Task.CompletedTask);
        await stop.CancelAsync();

        var all = new LongHistogram(MaxMicroseconds, 3);
        foreach (var latencies in await Task.WhenAll(callers))
        {
            all.Add(latencies);
        }

        foreach (var channel in channels)
        {
            channel.Dispose();
        }

        return new LoadResult(all.TotalCount, errors, elapsed, all);
    }
}
