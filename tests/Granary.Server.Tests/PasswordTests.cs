using System.Diagnostics;
using Granary.Server.Identity;

namespace Granary.Server.Tests;

/// <summary>What can be learnt from how long a refused login takes.</summary>
[Collection("one server at a time")]
public sealed class PasswordTests
{
    private const int Tries = 31;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_wrong_password_takes_as_long_as_a_user_that_is_not_there()
    {
        using var passwords = new Passwords(cost: 8);
        var hash = await passwords.Hash("right", Stop);
        Assert.True(await passwords.Verify("right", hash, Stop));
        Assert.False(await passwords.Verify("", null, Stop));

        // By turns, so that what else the machine does falls on both.
        var (wrong, nobody) = (new List<double>(), new List<double>());
        for (var i = 0; i < Tries; i++)
        {
            var start = Stopwatch.GetTimestamp();
            Assert.False(await passwords.Verify("wrong", hash, Stop));
            wrong.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
            start = Stopwatch.GetTimestamp();
            Assert.False(await passwords.Verify("wrong", null, Stop));
            nobody.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
        }

        var ratio = wrong.Order().ElementAt(Tries / 2) / nobody.Order().ElementAt(Tries / 2);
        Assert.True(ratio is > 0.7 and < 1.4, $"a wrong password takes {ratio:F2} times as long");
    }
}
