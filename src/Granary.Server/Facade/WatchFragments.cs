using Granary.Protos;

namespace Granary.Server.Facade;

/// <summary>Cuts one response into several that each stay below a size, unless a single event is larger.</summary>
internal static class WatchFragments
{
    public static IEnumerable<WatchResponse> Of(WatchResponse response, int maxBytes)
    {
        if (response.Events.Count < 2)
        {
            yield return response;
            yield break;
        }

        var header = new WatchResponse { Header = response.Header, WatchId = response.WatchId, Fragment = true };
        var headerBytes = header.CalculateSize();
        var fragment = header.Clone();
        var bytes = headerBytes;
        foreach (var @event in response.Events)
        {
            // Tag and length of the event in the response, at most.
            var eventBytes = @event.CalculateSize() + 6;
            if (fragment.Events.Count > 0 && bytes + eventBytes >= maxBytes)
            {
                yield return fragment;
                fragment = header.Clone();
                bytes = headerBytes;
            }

            fragment.Events.Add(@event);
            bytes += eventBytes;
        }

        fragment.Fragment = response.Fragment;
        yield return fragment;
    }
}
