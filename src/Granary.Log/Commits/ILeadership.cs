namespace Granary.Log.Commits;

/// <summary>Who leads the cluster, as far as this process knows, and how far this process is behind.</summary>
public interface ILeadership
{
    /// <summary>This process's id in the cluster; 0 before it has one.</summary>
    ulong MemberId { get; }

    /// <summary>Whether it follows only, and never leads.</summary>
    bool IsLearner { get; }

    /// <summary>Who led last.</summary>
    Leader Leader { get; }

    /// <summary>Whether the leader gives signs of life.</summary>
    bool IsHeard { get; }

    /// <summary>The leader, as soon as there is one that gives signs of life and serves.</summary>
    /// <exception cref="Mvcc.Errors.EtcdException">There is none for too long.</exception>
    ValueTask<Leader> Reachable(CancellationToken cancellationToken);

    /// <summary>The leader could not be reached: who asks for one waits until it gives signs of life again, or another one does.</summary>
    void NotReached(Leader leader);

    /// <summary>Returns when another leads than the one that was seen, or this process has got on in following it.</summary>
    Task Changed(Leader seen, CancellationToken cancellationToken);

    /// <summary>Returns when this process has applied the record with an index.</summary>
    ValueTask Caught(long index, CancellationToken cancellationToken);

    /// <summary>Returns when this process has a revision.</summary>
    ValueTask CaughtRevision(long revision, CancellationToken cancellationToken);
}
