using System.Diagnostics;
using Google.Protobuf;
using Granary.Protos;
using HdrHistogram;

namespace Granary.Benchmarks.Load;

/// <summary>An open loop: puts are begun at their time, whether the ones before have been answered or not.</summary>
internal static class PacedPuts
{
    private const int Keys = 10_000;
    private const int Connections = 10;

    private static readonly ByteString Value = ByteString.CopyFrom(new byte[256]);

    public static Task<Percentiles> Run(Uri endpoint, int perSecond, TimeSpan duration, CancellationToken cancellationToken) =>
        RunWhile(endpoint, perSecond, elapsed => elapsed < duration, cancellationToken);

    /// <param name="endpoint">The server.</param>
    /// <param name="perSecond">Puts a second.</param>
    /// <param name="goesOn">Asked now and then, with the time since the beginning, whether there is to be more.</param>
    /// <param name="cancellationToken">Leaves it.</param>
    public static async Task<Percentiles> RunWhile(Uri endpoint, int perSecond, Func<TimeSpan, bool> goesOn, CancellationToken cancellationToken)
    {
        var connections = Connection.Open(endpoint, Connections);
        var latencies = new LongConcurrentHistogram(1, 60_000_000, 3);
        var running = new List<Task>();
        var begin = Stopwatch.GetTimestamp();
        for (var i = 0; goesOn(Stopwatch.GetElapsedTime(begin));)
        {
            for (var due = (int)(Stopwatch.GetElapsedTime(begin).TotalSeconds * perSecond); i < due; i++)
            {
                running.Add(Put(connections[i % Connections], i));
            }

            await Task.Delay(1, cancellationToken);
        }

        await Task.WhenAll(running);
        Array.ForEach(connections, connection => connection.Dispose());
        return Percentiles.Of(latencies);

        async Task Put(Connection connection, int i)
        {
            var start = Stopwatch.GetTimestamp();
            await connection.Kv.PutAsync(
                new PutRequest { Key = ByteString.CopyFromUtf8($"paced{i % Keys}"), Value = Value }, cancellationToken: cancellationToken);
            latencies.RecordValue(Math.Max(1, (long)Stopwatch.GetElapsedTime(start).TotalMicroseconds));
        }
    }
}
