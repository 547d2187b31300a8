using Granary.Mvcc.Auth;
using Granary.Storage.Replicas;

namespace Granary.Log.Commits;

/// <summary>The one total order of all writes of this term.</summary>
public interface ICommitLog
{
    /// <summary>The term that this process leads.</summary>
    long Term { get; }

    /// <summary>Why nothing can be written any more, or null.</summary>
    string? Failure { get; }

    /// <summary>Completes when nothing can be written any more: the process is of no use then and is to end.</summary>
    Task Failed { get; }

    /// <summary>Why nothing that takes space can be written for the moment, or null.</summary>
    string? Shortage { get; }

    /// <summary>Whether no other process can write at this moment.</summary>
    bool IsLeading { get; }

    /// <summary>
    /// Returns once it is proved that no other process wrote until after the call began: what is then read here is no older than any answer
    /// that was given before.
    /// </summary>
    /// <exception cref="Mvcc.Errors.EtcdException">Another process writes, or nobody knows in time.</exception>
    ValueTask Prove(CancellationToken cancellationToken);

    /// <summary>Puts a batch into the order, makes it durable and applies it.</summary>
    /// <exception cref="Mvcc.Errors.EtcdException">It was not written, or its outcome is unknown.</exception>
    Task<AppendOutcome> Append(CommitBatch batch);

    /// <summary>Compacts to a revision: returns once no older one can be read.</summary>
    /// <exception cref="Mvcc.Errors.EtcdException">The revision is compacted already or in the future, or as for a batch.</exception>
    Task Compact(long revision, Caller caller);

    /// <summary>Puts an alarm up or down; returns once no write is decided without knowing it.</summary>
    /// <exception cref="Mvcc.Errors.EtcdException">As for a batch.</exception>
    Task SetAlarm(AlarmRecord alarm, Caller caller);

    /// <summary>Changes users, roles or the switch of authentication; returns once no request is decided without knowing it.</summary>
    /// <param name="decide">
    /// What the change comes to, given the state behind everything that has its place in the log; null for nothing. It is called once, on
    /// the log's thread, and what it throws is the outcome.
    /// </param>
    /// <exception cref="Mvcc.Errors.EtcdException">As for a batch, or of <paramref name="decide"/>.</exception>
    Task ChangeAuth(Func<AuthState, AuthChange?> decide);

    /// <summary>Notes by which URLs other members reach this one.</summary>
    /// <exception cref="Mvcc.Errors.EtcdException">As for a batch.</exception>
    Task SetPeerUrls(PeerUrlsRecord peerUrls, Caller caller);
}
