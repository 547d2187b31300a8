namespace Granary.Benchmarks.Load;

/// <summary>Clients that share out work among them, each doing one thing at a time.</summary>
internal static class ManyClients
{
    /// <summary>Calls <paramref name="call"/> with the number of a client, for each number below <paramref name="count"/>.</summary>
    public static Task ForEach(int clients, int count, Func<int, int, Task> call, CancellationToken cancellationToken)
    {
        var next = -1;
        return Task.WhenAll(Enumerable.Range(0, clients).Select(client => Task.Run(
            async () =>
            {
                for (var i = Interlocked.Increment(ref next); i < count; i = Interlocked.Increment(ref next))
                {
                    await call(client, i);
                }
            },
            cancellationToken)));
    }
}
