using Xunit.v3;

// One target at a time: servers are measured while they are attacked, and each run is bounded in time.
[assembly: Parallelization(MaxThreads = 1)]
