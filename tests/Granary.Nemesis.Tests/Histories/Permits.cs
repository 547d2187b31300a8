namespace Granary.Nemesis.Tests.Histories;

/// <summary>When a user may have been permitted something. Of one user all is asked by one administrator, who asks no more behind a call without an answer.</summary>
internal sealed class Permits(IEnumerable<Call> calls)
{
    private readonly ILookup<string, Call> _byUser = calls.Where(static call => call.Operation is Operation.Permit)
        .OrderBy(static call => call.Start)
        .ToLookup(static call => ((Operation.Permit)call.Operation).User);

    /// <summary>Whether there was a moment between two at which this may have been so.</summary>
    public bool MayHaveBeen(string user, bool isPermitted, TimeSpan start, TimeSpan end)
    {
        var was = false;
        var since = TimeSpan.MinValue;
        foreach (var call in _byUser[user])
        {
            if (was == isPermitted && since <= end && (call.Answer is null || call.End >= start))
            {
                return true;
            }

            (was, since) = (((Operation.Permit)call.Operation).IsPermitted, call.Start);
        }

        return was == isPermitted && since <= end;
    }
}
