namespace Granary.Nemesis.Tests.Faults;

/// <summary>What befalls a group of servers.</summary>
internal enum Fault
{
    /// <summary>SIGKILL for the leader.</summary>
    LeaderKilled,

    /// <summary>SIGKILL for one that follows.</summary>
    FollowerKilled,

    /// <summary>SIGTERM for the leader.</summary>
    LeaderStopped,

    /// <summary>SIGSTOP for the leader, and SIGCONT a while after.</summary>
    LeaderPaused,

    /// <summary>SIGSTOP for one that follows, and SIGCONT a while after.</summary>
    FollowerPaused,

    /// <summary>The leader's connections to the database are cut, and no other is let through for a while.</summary>
    LeaderCutOff,

    /// <summary>What the leader and the database send each other is lost for a while, and nobody is told.</summary>
    LeaderUnheard,

    /// <summary>The database gets what the leader sends; the answer is cut.</summary>
    AnswersCut,

    /// <summary>What the leader and the database send each other trickles for a while.</summary>
    LeaderTrickling,

    /// <summary>The database takes the leader's connections for ended, and the leader does not know.</summary>
    LeaderHalfClosed,

    /// <summary>The others reach the leader no more for a while; what it says itself arrives.</summary>
    LeaderUnreachable,

    /// <summary>What the others say to the leader is lost for a while, and nobody is told.</summary>
    LeaderDeaf,

    /// <summary>The others reach one that follows no more for a while.</summary>
    FollowerUnreachable,

    /// <summary>What the others and the leader say to each other trickles for a while.</summary>
    LeaderSlow,

    /// <summary>One that follows is removed from the cluster, and joins it anew.</summary>
    FollowerRemoved,

    /// <summary>SIGKILL for one that follows, and it loses its data directory.</summary>
    FollowerWiped,

    /// <summary>The leader's disk is full for a while, or nearly.</summary>
    LeaderDiskFull,

    /// <summary>The disk of one that follows is full for a while, or nearly.</summary>
    FollowerDiskFull,

    /// <summary>Leadership is moved to one that follows.</summary>
    LeadershipMoved,

    /// <summary>All processes of the database end at once, and it is started again.</summary>
    DatabaseKilled,

    /// <summary>SIGKILL for all, and all but one lose their data directories.</summary>
    AllKilledAndWiped,
}
