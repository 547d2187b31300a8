using System.Diagnostics;
using Medallion.Threading;
using Microsoft.Extensions.DependencyInjection;

namespace Granary.DistributedLock.Tests;

/// <summary>What users of DistributedLock rely on, against both servers.</summary>
public sealed class LockTests(BothServers servers)
{
    private static readonly TimeSpan Generous = TimeSpan.FromSeconds(60);

    private readonly string _name = $"{servers.NewPrefix()}lock";

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(Product.Etcd)]
    [InlineData(Product.Granary)]
    public async Task One_has_it_at_a_time_and_each_a_higher_revision(Product product)
    {
        const int Workers = 8;
        const int Turns = 5;
        var inside = 0;
        var turns = 0;
        var revision = 0L;
        await Task.WhenAll(Enumerable.Range(0, Workers).Select(async _ =>
        {
            await using var client = To(product);
            for (var turn = 0; turn < Turns; turn++)
            {
                await using var handle = await new GranaryDistributedLock(_name, client).AcquireAsync(cancellationToken: Stop);
                Assert.Equal(1, Interlocked.Increment(ref inside));
                Assert.True(handle.Revision > revision);
                (revision, turns) = (handle.Revision, turns + 1);
                await Task.Yield();
                Interlocked.Decrement(ref inside);
            }
        }));
        Assert.Equal(Workers * Turns, turns);
    }

    [Theory]
    [InlineData(Product.Etcd)]
    [InlineData(Product.Granary)]
    public async Task Who_cannot_have_it_in_time_goes_without_and_leaves_the_queue(Product product)
    {
        await using var client = To(product);
        var provider = new GranaryDistributedSynchronizationProvider(client);
        await using (var held = await provider.CreateLock(_name).TryAcquireAsync(cancellationToken: Stop))
        {
            Assert.NotNull(held);
            Assert.Null(await provider.CreateLock(_name).TryAcquireAsync(cancellationToken: Stop));
            var start = Stopwatch.GetTimestamp();
            Assert.Null(await provider.CreateLock(_name).TryAcquireAsync(TimeSpan.FromMilliseconds(300), Stop));
            Assert.InRange(Stopwatch.GetElapsedTime(start), TimeSpan.FromMilliseconds(250), Generous);
            await Assert.ThrowsAsync<TimeoutException>(async () => await provider.CreateLock(_name).AcquireAsync(TimeSpan.FromMilliseconds(300), Stop));
            using var leaving = new CancellationTokenSource(TimeSpan.FromMilliseconds(300));
            await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await provider.CreateLock(_name).AcquireAsync(cancellationToken: leaving.Token));
            Assert.Equal(1, (await client.RangeAsync(KeyRange.Prefix($"{_name}/"), cancellationToken: Stop)).Count);
        }

        await using var next = await provider.CreateLock(_name).TryAcquireAsync(cancellationToken: Stop);
        Assert.NotNull(next);
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(async () => await provider.CreateLock(_name).TryAcquireAsync(TimeSpan.FromSeconds(-2), Stop));
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(async () => await provider.CreateLock(_name).TryAcquireAsync(TimeSpan.FromDays(60), Stop));
    }

    [Theory]
    [InlineData(Product.Etcd)]
    [InlineData(Product.Granary)]
    public async Task It_is_the_lock_of_the_client_too(Product product)
    {
        await using var client = To(product);
        ValueTask<GranaryDistributedLockHandle> waiting;
        await using (await client.LockAsync(_name, cancellationToken: Stop))
        {
            waiting = new GranaryDistributedLock(_name, client).AcquireAsync(Generous, Stop);
            await Eventually.Holds("it waits", async () => (await client.RangeAsync(KeyRange.Prefix($"{_name}/"), cancellationToken: Stop)).Count == 2, Generous, Stop);
            Assert.False(waiting.IsCompleted);
        }

        await using var handle = await waiting;
        Assert.NotNull(await client.GetAsync(handle.Key, Stop));
        Assert.Null(await client.TryLockAsync(_name, cancellationToken: Stop));
    }

    [Theory]
    [InlineData(Product.Etcd)]
    [InlineData(Product.Granary)]
    public async Task Its_holder_learns_that_it_is_lost_and_not_that_it_is_given_back(Product product)
    {
        await using var client = To(product);
        var kept = await new GranaryDistributedLock($"{_name}-kept", client).AcquireAsync(cancellationToken: Stop);
        var isTold = false;
        using var telling = kept.HandleLostToken.Register(() => isTold = true);
        await kept.DisposeAsync();
        await kept.DisposeAsync();
        Assert.False(isTold);

        await using var lost = await new GranaryDistributedLock(_name, client, TimeSpan.FromSeconds(2)).AcquireAsync(cancellationToken: Stop);
        Assert.False(lost.HandleLostToken.IsCancellationRequested);
        await client.RevokeLeaseAsync((await client.GetAsync(lost.Key, Stop))!.LeaseId, Stop);
        await Eventually.Holds("it is told", () => Task.FromResult(lost.HandleLostToken.IsCancellationRequested), Generous, Stop);
    }

    [Theory]
    [InlineData(Product.Etcd)]
    [InlineData(Product.Granary)]
    public async Task A_lost_one_can_be_given_back_by_whoever_is_told(Product product)
    {
        await using var client = To(product);
        var isOver = Task.Run(
            async () =>
            {
                using var handle = new GranaryDistributedLock(_name, client).Acquire(cancellationToken: Stop);
                await client.RevokeLeaseAsync((await client.GetAsync(handle.Key, Stop))!.LeaseId, Stop);
                await Task.Delay(Timeout.Infinite, handle.HandleLostToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            },
            Stop);
        await isOver.WaitAsync(Generous, Stop);
        await using var next = await new GranaryDistributedLock(_name, client).AcquireAsync(Generous, Stop);
    }

    [Theory]
    [InlineData(Product.Etcd)]
    [InlineData(Product.Granary)]
    public async Task An_application_has_it_by_its_provider_also_without_await(Product product)
    {
        await using var services = new ServiceCollection()
            .AddGranaryClient(options => options.Endpoints.Add(servers.Of(product).Address))
            .AddGranaryDistributedLocks(TimeSpan.FromSeconds(5))
            .BuildServiceProvider();
        var provider = services.GetRequiredService<IDistributedLockProvider>();
        Assert.Equal(_name, provider.CreateLock(_name).Name);
        await Task.Run(
            () =>
            {
                using (provider.AcquireLock(_name, Generous, Stop))
                {
                    Assert.Null(provider.TryAcquireLock(_name, cancellationToken: Stop));
                    Assert.Throws<TimeoutException>(() => provider.AcquireLock(_name, TimeSpan.FromMilliseconds(100), Stop));
                }

                using var again = provider.TryAcquireLock(_name, cancellationToken: Stop);
                Assert.NotNull(again);
            },
            Stop);
    }

    private GranaryClient To(Product product) => new(servers.Of(product).Address);
}
