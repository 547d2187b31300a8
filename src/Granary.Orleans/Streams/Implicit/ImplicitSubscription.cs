using System.Reflection;
using Granary.Client;
using Orleans;
using Orleans.Metadata;
using Orleans.Runtime;

namespace Granary.Orleans.Streams.Implicit;

/// <summary>That the grains of a type are told of what changes below a prefix.</summary>
/// <param name="Type">The grains' type.</param>
/// <param name="Prefix">What the keys begin with.</param>
internal sealed record ImplicitSubscription(GrainType Type, string Prefix)
{
    private const char Separator = '/';

    // No grain type has it.
    private const char EndOfType = '|';

    /// <summary>The key of the grain that tells the others.</summary>
    public string Key => $"{Type}{EndOfType}{Prefix}";

    public static ImplicitSubscription Parse(string key)
    {
        var end = key.IndexOf(EndOfType, StringComparison.Ordinal);
        return new ImplicitSubscription(GrainType.Create(key[..end]), key[(end + 1)..]);
    }

    /// <summary>Below what a service notes how far its grains were told.</summary>
    public static string Places(string serviceId) => $"orleans/{Uri.EscapeDataString(serviceId)}/subscriptions/";

    /// <summary>All that classes ask for by their attributes.</summary>
    /// <exception cref="InvalidOperationException">What one asks for cannot be.</exception>
    public static IReadOnlyList<ImplicitSubscription> Of(IEnumerable<Type> classes, GrainTypeResolver types, string serviceId)
    {
        var all = new List<ImplicitSubscription>();
        foreach (var one in classes)
        {
            foreach (var asked in one.GetCustomAttributes<ImplicitGranarySubscriptionAttribute>(inherit: false))
            {
                if (!one.IsAssignableTo(typeof(IGranarySubscriber)))
                {
                    throw new InvalidOperationException($"{one} has {nameof(ImplicitGranarySubscriptionAttribute)} and must implement {nameof(IGranarySubscriber)}.");
                }

                var places = Places(serviceId);
                if (places.StartsWith(asked.Prefix, StringComparison.Ordinal) || asked.Prefix.StartsWith(places, StringComparison.Ordinal))
                {
                    throw new InvalidOperationException(
                        $"{one} asks for what changes below '{asked.Prefix}'. How far it was told is noted below '{places}', so that it would be told for ever: ask for a longer prefix.");
                }

                all.Add(new ImplicitSubscription(types.GetGrainType(one), asked.Prefix));
            }
        }

        return all;
    }

    /// <summary>The key of the grain that a key of the store names; null if it names none.</summary>
    public string? NameOf(Bytes key)
    {
        var rest = key.ToString()[Prefix.Length..];
        var end = rest.IndexOf(Separator, StringComparison.Ordinal);
        var name = end < 0 ? rest : rest[..end];
        return name.Length > 0 ? name : null;
    }
}
