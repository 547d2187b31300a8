namespace Granary.Conformance.Tests.Users;

/// <summary>As <see cref="AuthPair"/>, and Granary's keyspace has several ranges: writes across them go another way.</summary>
public sealed class SplitAuthPair : AuthPair
{
    protected override string[] OfGranary => ["--initial-range-splits=ab,c"];
}
