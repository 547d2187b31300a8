using System.Collections.Concurrent;

namespace Granary.Testing;

/// <summary>
/// A thread that lives as long as the process. Linux ends a child that asked for it when the thread that started it ends, not the process,
/// and threads of the pool end when they have nothing to do.
/// </summary>
internal static class LastingThread
{
    private static readonly BlockingCollection<Action> Work = [];

    static LastingThread() => new Thread(static () =>
    {
        foreach (var work in Work.GetConsumingEnumerable())
        {
            work();
        }
    })
    { IsBackground = true, Name = "starts children" }.Start();

    public static T Run<T>(Func<T> work)
    {
        var task = new Task<T>(work);
        Work.Add(task.RunSynchronously);
        return task.GetAwaiter().GetResult();
    }
}
