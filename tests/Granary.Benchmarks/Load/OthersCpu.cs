namespace Granary.Benchmarks.Load;

/// <summary>How much of the machine others take, beside this process and a server, since it began to watch.</summary>
internal sealed class OthersCpu
{
    private readonly int _serverId;
    private readonly MachineSample _machine = MachineSample.Now();
    private readonly TimeSpan _ours;

    private OthersCpu(int serverId)
    {
        _serverId = serverId;
        _ours = Ours();
    }

    public static OthersCpu Watch(int serverId) => new(serverId);

    /// <summary>Their part of all CPUs.</summary>
    public double Share() => MachineSample.Now().ShareOfOthers(_machine, Ours() - _ours);

    private TimeSpan Ours() => ProcessSample.Of(Environment.ProcessId).Cpu + ProcessSample.Of(_serverId).Cpu;
}
