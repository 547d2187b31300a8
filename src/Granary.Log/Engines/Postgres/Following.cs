using Granary.Log.Commits;
using Granary.Storage.Replicas;
using Npgsql;

namespace Granary.Log.Engines.Postgres;

/// <summary>
/// Has the replica follow whoever leads: by what the leader itself sends, and by the table where nothing comes from it. One thread looks at the
/// table and begins and ends terms; records may come on any.
/// </summary>
/// <param name="database">Has the tables.</param>
/// <param name="replica">Of this process.</param>
/// <param name="follower">Of that replica.</param>
/// <param name="known">Told who leads.</param>
/// <param name="heartbeat">How often a leader gives a sign of life.</param>
internal sealed class Following(PostgresDatabase database, Replica replica, Follower follower, KnownLeader known, TimeSpan heartbeat)
{
    private static readonly TimeSpan TidyingAtATime = TimeSpan.FromMilliseconds(10);

    // How often it is looked whether this process is a member still, in looks at who leads.
    private const int LooksPerMemberCheck = 5;

    private readonly LastTime _taken = new();

    // What was last seen in the row of who leads.
    private long _leaderId;
    private long _beats;
    private int _looks;
    private volatile bool _isLearner;

    /// <summary>Whether this process was a learner when that was last looked at.</summary>
    public bool IsLearner => _isLearner;

    /// <summary>Another one leads, or nobody: what it has written is read from the table, unless it comes from the leader itself.</summary>
    public void Look(NpgsqlConnection connection, LeadershipRow row, Candidate candidate)
    {
        var isAnother = row.LeaderId != _leaderId;
        if (isAnother)
        {
            EndTerm();
            _leaderId = row.LeaderId;
            known.Begin(row.Term, row.MemberId, row.Silo, isOwn: false);
        }

        if (row.IsReleased || row.Term == 0)
        {
            known.Heard.Forget();
        }
        else if (isAnother || row.Beats != _beats)
        {
            known.Heard.Note();
        }

        _beats = row.Beats;
        if (isAnother || ++_looks % LooksPerMemberCheck == 0)
        {
            _isLearner = PostgresMembers.Self(connection, database, candidate).IsLearner;
        }

        // What comes from the leader itself may be ahead of the row; of another term's it cannot be.
        if (row.LastToShow > follower.AppliedIndex && !IsTaking)
        {
            PostgresStart.Read(connection, database, follower, row.LastToShow);
        }
        else if (row.LastIndex < follower.AppliedIndex && row.Term != replica.State.Term)
        {
            PostgresStart.Read(connection, database, follower, row.LastIndex);
        }

        follower.Tidy();
        known.TellChanged();
    }

    /// <summary>Takes records that the leader has sent.</summary>
    /// <param name="leader">Who sent them.</param>
    /// <param name="first">The index of the first.</param>
    /// <param name="records">One after the other; none is a sign of life, null that it does not lead.</param>
    /// <returns>Whether they follow on what is here.</returns>
    public bool Take(Leader leader, long first, byte[][]? records)
    {
        // Only behind the record that began the term is it certain that what was before it is what the leader has before it.
        if (records is null || !ReferenceEquals(leader, known.Leader) || replica.State.Term != leader.Term || !follower.Take(first, records))
        {
            _taken.Forget();
            return false;
        }

        var now = BootClock.Instance.GetTimestamp();
        _taken.Note();
        known.Heard.Note();

        // Not for long, so that what comes meanwhile need not wait.
        while (follower.Tidy() && BootClock.Instance.GetElapsedTime(now) < TidyingAtATime)
        {
        }

        return true;
    }

    /// <summary>This process leads from now on.</summary>
    public void BeginOwnTerm(PostgresLeadership leadership, ulong memberId)
    {
        _leaderId = leadership.LeaderId;
        known.Begin(leadership.Term, memberId, "", isOwn: true);
        known.TellChanged();
    }

    /// <summary>Nobody is known to lead.</summary>
    public void EndTerm()
    {
        _taken.Forget();
        known.End();
    }

    private bool IsTaking => _taken.IsWithin(3 * heartbeat);
}
