namespace Granary.Benchmarks.Load;

/// <summary>One load: who does what on which keys for how long.</summary>
internal sealed record LoadOptions
{
    /// <summary>The servers between which the connections are divided.</summary>
    public required IReadOnlyList<Uri> Endpoints { get; init; }

    public Credentials? Credentials { get; init; }

    public Workload Workload { get; init; } = Workload.Put;

    public int Clients { get; init; } = 100;

    /// <summary>HTTP/2 connections, each shared by its part of the clients.</summary>
    public int Connections { get; init; } = 10;

    public KeySpace Keys { get; init; } = new(100_000, 16, 256, 1);

    public TimeSpan Warmup { get; init; } = TimeSpan.FromSeconds(3);

    public TimeSpan Duration { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>The server's process on this machine, whose CPU time is counted as well.</summary>
    public int? ServerProcessId { get; init; }
}
