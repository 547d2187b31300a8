using System.Diagnostics;
using Google.Protobuf;
using Granary.Mvcc.Evaluation;
using Granary.Mvcc.Keys;
using Granary.Storage.Checksums;

namespace Granary.Storage.Replicas;

/// <summary>
/// A checksum of all pairs that exist at a revision. It depends on nothing else: two members that agree have the same one, and a compaction
/// changes it for no revision that can still be read.
/// </summary>
public static class StateHash
{
    private const int PairsPerLook = 1024;

    /// <exception cref="OperationCanceledException">The caller has left.</exception>
    public static uint Of(ReplicaView view, long revision, CancellationToken cancellationToken)
    {
        var start = Stopwatch.GetTimestamp();
        var hash = 0u;
        var looked = 0;
        using var cursor = view.Scan(KeyRange.All, revision);
        while (cursor.MoveNext(cancellationToken))
        {
            if (++looked % PairsPerLook == 0)
            {
                cancellationToken.ThrowIfCancellationRequested();
            }

            // With its fields' lengths, so that no two states read as the same bytes.
            hash = Crc32C.Continue(hash, cursor.Read(withValue: true).ToByteArray());
        }

        StorageMetrics.Hash.Record(Stopwatch.GetElapsedTime(start).TotalSeconds);
        return hash;
    }
}
