using Xunit.v3;

// Each class runs a pair of servers; a small machine has room for two pairs.
[assembly: Parallelization(MaxThreads = 2)]
