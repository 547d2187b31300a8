using System.Diagnostics;
using Orleans.Runtime;

namespace Granary.Grains.Tracing;

/// <summary>
/// Carries the trace of a request into the grain that serves it. It acts only when the request is sampled: Orleans' own
/// propagation adds filters to every call, and these cost a local call more than the call itself.
/// </summary>
public static class GrainTrace
{
    public const string SourceName = "Granary";

    private const string Key = "traceparent";

    public static readonly ActivitySource Source = new(SourceName);

    /// <summary>Begins the span of a grain call, or returns null when the request at work is not sampled.</summary>
    public static Activity? StartCall(string name)
    {
        if (Activity.Current is not { Recorded: true } || Source.StartActivity(name, ActivityKind.Client) is not { } span)
        {
            return null;
        }

        RequestContext.Set(Key, span.Id!);
        return span;
    }

    /// <summary>
    /// Begins the span of work that nobody asked for, or returns null when it is not sampled. The grain calls that it makes are below it.
    /// </summary>
    public static Activity? StartRoot(string name)
    {
        Activity.Current = null;
        var span = Source.StartActivity(name);
        if (span is { Recorded: true })
        {
            RequestContext.Set(Key, span.Id!);
        }

        return span;
    }

    /// <summary>Inside a grain: the span of the call that is being served, or nothing when it is not sampled.</summary>
    public static ActivityContext Caller() =>
        RequestContext.Get(Key) is string id && ActivityContext.TryParse(id, null, out var context) ? context : default;

    /// <summary>Begins a span of work below <paramref name="caller"/>, or returns null when that is not sampled.</summary>
    public static Activity? StartWork(string name, ActivityContext caller) =>
        caller == default ? null : Source.StartActivity(name, ActivityKind.Internal, caller);
}
