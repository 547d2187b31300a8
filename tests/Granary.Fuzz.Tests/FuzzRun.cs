using System.Diagnostics;
using System.Globalization;
using Xunit.Sdk;

namespace Granary.Fuzz.Tests;

/// <summary>
/// Tries inputs on a target, one after the other, until its time is over. Each input follows from the seed and its number alone:
/// GRANARY_FUZZ_SEED=SEED runs the same ones again, GRANARY_FUZZ_SEED=SEED:NUMBER only that one.
/// </summary>
internal static class FuzzRun
{
    private const string SeedVariable = "GRANARY_FUZZ_SEED";
    private const string SecondsVariable = "GRANARY_FUZZ_SECONDS";
    private const double DefaultSeconds = 1.25;

    // What a message can show of an input; a longer one goes to a file.
    private const int ShownBytes = 300;

    private static readonly string? Given = Environment.GetEnvironmentVariable(SeedVariable) is { Length: > 0 } given ? given : null;

    private static readonly ulong Seed = Given is null
        ? (ulong)Random.Shared.NextInt64()
        : ulong.Parse(Given.Split(':')[0], CultureInfo.InvariantCulture);

    private static readonly ulong? Only = Given?.Split(':') is [_, var number] ? ulong.Parse(number, CultureInfo.InvariantCulture) : null;

    /// <summary>How long a target runs.</summary>
    public static TimeSpan Duration { get; } = TimeSpan.FromSeconds(
        double.TryParse(Environment.GetEnvironmentVariable(SecondsVariable), CultureInfo.InvariantCulture, out var seconds) ? seconds : DefaultSeconds);

    /// <param name="target">The name of the target.</param>
    /// <param name="make">Makes an input.</param>
    /// <param name="attempt">Tries it, and throws if the target does not behave.</param>
    public static async Task Try(string target, Func<Mutator, FuzzInput> make, Func<FuzzInput, Task> attempt)
    {
        var start = Stopwatch.GetTimestamp();
        var tried = 0L;
        for (var number = Only ?? 0; tried == 0 || (Only is null && Stopwatch.GetElapsedTime(start) < Duration); number++)
        {
            TestContext.Current.CancellationToken.ThrowIfCancellationRequested();
            var input = make(new Mutator(new Random(SeedOf(number))));
            try
            {
                await attempt(input);
            }
            catch (Exception exception) when (!TestContext.Current.CancellationToken.IsCancellationRequested)
            {
                throw new XunitException(
                    $"{target}: seed {Seed}, input {number} to {input.To}: {exception.Message}\n{Show(target, number, input.Bytes)}\n"
                    + $"Again: {SeedVariable}={Seed}:{number}, or {SeedVariable}={Seed} for all that came before it as well.",
                    exception);
            }

            tried++;
        }

        TestContext.Current.TestOutputHelper!.WriteLine($"{target}: {tried} inputs in {Stopwatch.GetElapsedTime(start).TotalSeconds:F1} s, seed {Seed}");
    }

    /// <inheritdoc cref="Try(string, Func{Mutator, FuzzInput}, Func{FuzzInput, Task})"/>
    public static Task Try(string target, Func<Mutator, FuzzInput> make, Action<FuzzInput> attempt) => Try(target, make, input =>
    {
        attempt(input);
        return Task.CompletedTask;
    });

    // Numbers next to each other must not give inputs that are alike.
    private static int SeedOf(ulong number)
    {
        var mixed = (Seed + (number * 0x9e3779b97f4a7c15)) * 0xbf58476d1ce4e5b9;
        return (int)(mixed >> 32);
    }

    private static string Show(string target, ulong number, byte[] bytes)
    {
        if (bytes.Length <= ShownBytes)
        {
            return $"Its {bytes.Length} bytes: {Convert.ToHexString(bytes)}";
        }

        var file = Path.Combine(Path.GetTempPath(), $"granary-fuzz-{string.Concat(target.Where(char.IsAsciiLetterOrDigit))}-{Seed}-{number}");
        File.WriteAllBytes(file, bytes);
        return $"Its {bytes.Length} bytes are in {file}";
    }
}
