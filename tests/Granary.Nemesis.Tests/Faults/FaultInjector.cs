using Grpc.Core;

namespace Granary.Nemesis.Tests.Faults;

/// <summary>Does random harm to a group of servers, one fault after the other, and has it mended after each.</summary>
internal sealed class FaultInjector(PostgresGroup group, Logins logins, Random random)
{
    private static readonly TimeSpan Generous = TimeSpan.FromSeconds(60);

    private readonly Dictionary<Fault, int> _counts = [];

    /// <summary>How often there was each fault.</summary>
    public string Counts => string.Join(", ", _counts.OrderBy(static pair => pair.Key).Select(static pair => $"{pair.Key} {pair.Value}"));

    /// <summary>One fault; returns when all servers run again.</summary>
    public async Task Strike(CancellationToken cancellationToken)
    {
        Server? leader = null;
        await Eventually.Holds("there is a leader", async () => (leader = await group.Leader(cancellationToken)) is not null, Generous, cancellationToken);
        var follower = group.Servers.Where(server => server != leader).ElementAt(random.Next(group.Servers.Count - 1));
        var fault = (Fault)random.Next(Enum.GetValues<Fault>().Length);
        _counts[fault] = _counts.GetValueOrDefault(fault) + 1;
        switch (fault)
        {
            case Fault.LeaderKilled:
                await leader!.Kill(cancellationToken);
                await While(cancellationToken);
                break;
            case Fault.FollowerKilled:
                await follower.Kill(cancellationToken);
                break;
            case Fault.LeaderStopped:
                if (Signals.TrySend(leader!.ProcessId, Signals.Terminate))
                {
                    await leader.Ended("SIGTERM", cancellationToken);
                }

                break;
            case Fault.LeaderPaused:
                await Pause(leader!, cancellationToken);
                break;
            case Fault.FollowerPaused:
                await Pause(follower, cancellationToken);
                break;
            case Fault.LeaderCutOff:
                await Disturb(group.WireOf(leader!), TcpProxy.Wire.Cut, cancellationToken);
                break;
            case Fault.LeaderUnheard:
                await Disturb(group.WireOf(leader!), TcpProxy.Wire.Silent, cancellationToken);
                break;
            case Fault.AnswersCut:
                await Disturb(group.WireOf(leader!), TcpProxy.Wire.CutAtAnswer, cancellationToken);
                break;
            case Fault.LeaderTrickling:
                await Disturb(group.WireOf(leader!), TcpProxy.Wire.Trickling, cancellationToken);
                break;
            case Fault.LeaderHalfClosed:
                await Disturb(group.WireOf(leader!), TcpProxy.Wire.HalfClosed, cancellationToken);
                break;
            case Fault.LeaderUnreachable:
                await Disturb(group.PeerWireOf(leader!), TcpProxy.Wire.Cut, cancellationToken);
                break;
            case Fault.LeaderDeaf:
                await Disturb(group.PeerWireOf(leader!), TcpProxy.Wire.Silent, cancellationToken);
                break;
            case Fault.FollowerUnreachable:
                await Disturb(group.PeerWireOf(follower), TcpProxy.Wire.Cut, cancellationToken);
                break;
            case Fault.LeaderSlow:
                await Disturb(group.PeerWireOf(leader!), TcpProxy.Wire.Trickling, cancellationToken);
                break;
            case Fault.FollowerRemoved:
                await Remove(leader!, follower, cancellationToken);
                break;
            case Fault.FollowerWiped:
                await follower.Kill(cancellationToken);
                Directory.Delete(follower.DataDirectory, recursive: true);
                break;
            case Fault.LeaderDiskFull:
                await FillDisk(group.DiskOf(leader!), cancellationToken);
                break;
            case Fault.FollowerDiskFull:
                await FillDisk(group.DiskOf(follower), cancellationToken);
                break;
            case Fault.LeadershipMoved:
                await Move(leader!, follower, cancellationToken);
                break;
            case Fault.DatabaseKilled:
                await group.Database.Kill(cancellationToken);
                await While(cancellationToken);
                await group.Database.StartAgain(cancellationToken);
                break;
            case Fault.AllKilledAndWiped:
                var kept = group.Servers[random.Next(group.Servers.Count)];
                foreach (var server in group.Servers)
                {
                    await server.Kill(cancellationToken);
                    if (server != kept)
                    {
                        Directory.Delete(server.DataDirectory, recursive: true);
                    }
                }

                break;
            default:
                throw new InvalidOperationException($"Nobody does {fault}.");
        }

        await group.Mend(cancellationToken);
    }

    private async Task Pause(Server server, CancellationToken cancellationToken)
    {
        // Whoever leads no more ends by itself, which may be now.
        if (Signals.TrySend(server.ProcessId, Signals.StandStill))
        {
            await While(cancellationToken);
            Signals.TrySend(server.ProcessId, Signals.Continue);
        }
    }

    private async Task Disturb(TcpProxy wire, TcpProxy.Wire how, CancellationToken cancellationToken)
    {
        wire.Set(how);
        await While(cancellationToken);

        // What was lost in a silent wire is not sent again: its connections have to be seen to be dead.
        wire.Set(TcpProxy.Wire.Cut);
        wire.Set(TcpProxy.Wire.Whole);
    }

    private async Task FillDisk(SmallDisk disk, CancellationToken cancellationToken)
    {
        // To the last byte, or into what is kept free for deletions.
        disk.Fill(random.Next(2) == 0 ? 0 : random.Next(128) << 20);
        await While(cancellationToken);
        disk.Free();
    }

    private async Task Move(Server leader, Server follower, CancellationToken cancellationToken)
    {
        try
        {
            await new Maintenance.MaintenanceClient(leader.Channel).MoveLeaderAsync(
                new MoveLeaderRequest { TargetID = await Id(leader, follower, cancellationToken) }, logins.Of(Logins.Root), cancellationToken: cancellationToken);
        }
        catch (RpcException) when (!cancellationToken.IsCancellationRequested)
        {
            // It leads no more, the other one was not there, or it does not know the token.
        }
    }

    private async Task Remove(Server leader, Server follower, CancellationToken cancellationToken)
    {
        try
        {
            await new Protos.Cluster.ClusterClient(leader.Channel).MemberRemoveAsync(
                new MemberRemoveRequest { ID = await Id(leader, follower, cancellationToken) }, logins.Of(Logins.Root), cancellationToken: cancellationToken);
        }
        catch (RpcException) when (!cancellationToken.IsCancellationRequested)
        {
            // Nobody knows whether it is removed.
            return;
        }

        await follower.Ended("it was removed", cancellationToken);
    }

    private async Task<ulong> Id(Server server, Server member, CancellationToken cancellationToken) =>
        (await new Protos.Cluster.ClusterClient(server.Channel).MemberListAsync(new MemberListRequest(), logins.Of(Logins.Root), cancellationToken: cancellationToken)).Members
            .Single(one => one.Name == member.MemberName).ID;

    // How long a fault lasts: shorter than a lease, or longer.
    private Task While(CancellationToken cancellationToken) => Task.Delay(TimeSpan.FromMilliseconds(random.Next(2) == 0 ? random.Next(800) : random.Next(4000)), cancellationToken);
}
