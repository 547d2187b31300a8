namespace Granary.Orleans;

/// <summary>
/// The class of grains that is told of what changes below a prefix of the store, whether a grain is active or not. A key names its grain by what stands between
/// the prefix and the next <c>/</c>, or the key's end: with the prefix <c>jobs/</c> the keys <c>jobs/17</c> and <c>jobs/17/state</c> are grain <c>17</c>'s. The
/// class implements <see cref="IGranarySubscriber"/>, and its silos call <c>AddGranaryImplicitSubscriptions</c>.
/// </summary>
/// <param name="prefix">What the keys begin with.</param>
[AttributeUsage(AttributeTargets.Class, AllowMultiple = true, Inherited = false)]
public sealed class ImplicitGranarySubscriptionAttribute(string prefix) : Attribute
{
    /// <summary>What the keys begin with.</summary>
    public string Prefix => prefix;
}
