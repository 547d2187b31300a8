namespace Granary.Log.Engines.Postgres;

/// <summary>What says whether it is for this process to make a base snapshot.</summary>
internal interface ISnapshotDuty
{
    /// <summary>Bytes of the records that this process has appended or taken since it was started.</summary>
    long SeenBytes { get; }

    /// <summary>Whether this process leads and another one takes its records.</summary>
    bool IsFollowed { get; }

    /// <summary>The member that this process is.</summary>
    ulong MemberId { get; }
}
