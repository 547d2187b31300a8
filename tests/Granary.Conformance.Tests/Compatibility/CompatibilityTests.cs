using System.Reflection;
using Granary.Conformance.Tests.Compatibility;
using Xunit.v3;

[assembly: AssemblyFixture(typeof(CompatibilityCheck))]
[assembly: NotedTest]

namespace Granary.Conformance.Tests.Compatibility;

/// <summary>The page of compatibility is about the API as it is.</summary>
public sealed class CompatibilityTests
{
    [Fact]
    public async Task The_page_has_every_method_and_every_field_of_a_request()
    {
        // Whatever the notes of this run are: what they are about is the same.
        var (fates, tests) = CompatibilityPage.Read(await File.ReadAllTextAsync(CompatibilityPage.Path, TestContext.Current.CancellationToken));
        var wanted = CompatibilityPage.Read(CompatibilityPage.Write());
        Assert.Equal(wanted.Fates.Keys, fates.Keys);
        Assert.Equal(wanted.Tests.Keys, tests.Keys);
        Assert.DoesNotContain(CompatibilityPage.NoTest, fates.Values);
    }
}

/// <summary>When every test has been run, what the page claims has been shown.</summary>
public sealed class CompatibilityCheck : IAsyncLifetime
{
    private static bool IsToBeWritten => Environment.GetEnvironmentVariable("GRANARY_WRITE_COMPATIBILITY") is { Length: > 0 };

    public ValueTask InitializeAsync() => default;

    public async ValueTask DisposeAsync()
    {
        if (!Subject.IsGranary || !CallNotes.AreWhole)
        {
            return;
        }

        var shown = CompatibilityPage.Write();
        if (IsToBeWritten)
        {
            await File.WriteAllTextAsync(CompatibilityPage.Path, shown);
            return;
        }

        var (fates, tests) = CompatibilityPage.Read(await File.ReadAllTextAsync(CompatibilityPage.Path));
        var actual = CompatibilityPage.Read(shown);
        var wrong = fates.Where(claim => actual.Fates.GetValueOrDefault(claim.Key) != claim.Value).Select(claim => $"{claim.Key} {claim.Value}: {actual.Fates.GetValueOrDefault(claim.Key)}")
            .Concat(tests.Where(claim => claim.Value > 0 && actual.Tests.GetValueOrDefault(claim.Key) == 0).Select(claim => $"{claim.Key}: no test"))
            .ToList();
        Assert.True(wrong.Count == 0, $"{CompatibilityPage.Path} claims what this run does not show:\n{string.Join('\n', wrong)}");
    }
}

/// <summary>Notes that a test is run.</summary>
[AttributeUsage(AttributeTargets.Assembly)]
public sealed class NotedTestAttribute : BeforeAfterTestAttribute
{
    public override void Before(MethodInfo methodUnderTest, IXunitTest test) => CallNotes.Begun(test.TestCase.TestMethod.TestClass.Class, methodUnderTest);
}
