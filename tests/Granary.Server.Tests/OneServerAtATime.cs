namespace Granary.Server.Tests;

/// <summary>Counters are those of the process, so servers in it run one after the other.</summary>
[CollectionDefinition("one server at a time", DisableParallelization = true)]
public sealed class OneServerAtATime;
