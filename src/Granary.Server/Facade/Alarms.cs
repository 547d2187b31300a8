using Granary.Log.Commits;
using Granary.Mvcc.Auth;
using Granary.Protos;
using Granary.Storage.Replicas;

namespace Granary.Server.Facade;

/// <summary>
/// The alarms of all members: listed, raised and disarmed. What is up holds for everybody, whoever raised it. A disk without room is an
/// alarm too, though nothing can be written about it: it is up for as long as that is so.
/// </summary>
internal sealed class Alarms(Replica replica, ICommitLog log, Leading leading, GrainRouter router, Member member)
{
    /// <summary>The alarms that are up, all or of one kind.</summary>
    public IEnumerable<AlarmMember> Up(AlarmType kind = AlarmType.None)
    {
        var state = replica.State;
        AlarmMember[] ofDisk = log.Shortage is null ? [] : [new AlarmMember { MemberID = member.Id, Alarm = AlarmType.Nospace }];
        return state.Alarms.Select(alarm => alarm.Clone()).Union(ofDisk).Where(alarm => kind == AlarmType.None || alarm.Alarm == kind);
    }

    public async Task<AlarmMember> Raise(ulong owner, AlarmType kind, Caller caller)
    {
        var alarm = new AlarmMember { MemberID = owner, Alarm = kind };
        await Set(alarm, isUp: true, caller);
        return alarm;
    }

    /// <summary>Disarms exactly this alarm; null when it is not up.</summary>
    public async Task<AlarmMember?> Disarm(ulong owner, AlarmType kind, Caller caller)
    {
        var alarm = new AlarmMember { MemberID = owner, Alarm = kind };
        if (!replica.State.Alarms.Contains(alarm))
        {
            return null;
        }

        await Set(alarm, isUp: false, caller);
        return alarm;
    }

    private async Task Set(AlarmMember alarm, bool isUp, Caller caller)
    {
        var leader = await leading.Reach(CancellationToken.None);
        var index = await leading.Written(leader, router.Keyspace(leader).SetAlarm(alarm, isUp, caller));
        await leading.SeenIndex(leader, index, CancellationToken.None);
    }
}
