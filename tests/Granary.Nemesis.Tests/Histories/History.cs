using System.Globalization;

namespace Granary.Nemesis.Tests.Histories;

/// <summary>What clients did and saw of one store, from its first revision to its last.</summary>
/// <param name="Calls">Every call, in any order.</param>
/// <param name="Log">Every event from the first revision on, as one who watched was told: the order of the writes.</param>
/// <param name="Watchers">What those saw who watched meanwhile, and who watches at the end what is not compacted.</param>
/// <param name="Final">The pairs at the end.</param>
internal sealed record History(IReadOnlyList<Call> Calls, IReadOnlyList<Change> Log, IReadOnlyList<Watcher> Watchers, IReadOnlyList<Pair> Final);

/// <summary>One call. Times are on one monotonic clock.</summary>
/// <param name="Client">Who called.</param>
/// <param name="Operation">What was asked.</param>
/// <param name="Start">Before it was sent.</param>
/// <param name="End">After its answer came.</param>
/// <param name="Answer">Null when it had none or an error: it may have been done, now or later, or not.</param>
internal sealed record Call(int Client, Operation Operation, TimeSpan Start, TimeSpan End, Answer? Answer);

/// <summary>What is asked of a store.</summary>
internal abstract record Operation
{
    /// <summary>Writes a value that nobody else writes under keys, in one step.</summary>
    /// <param name="Keys">Usually one.</param>
    /// <param name="Value">Never written by another call.</param>
    /// <param name="Lease">The lease that the keys are attached to; 0 is none.</param>
    /// <param name="IfModRevision">The modification revision that the first key must have, 0 if it must not be there; null: whatever it has.</param>
    /// <param name="User">Who writes; null: the one who may write all.</param>
    public sealed record Write(IReadOnlyList<string> Keys, string Value, long Lease = 0, long? IfModRevision = null, string? User = null) : Operation
    {
        public override string ToString() =>
            $"Write {string.Join(',', Keys)}={Value}{(Lease == 0 ? "" : $" lease {Lease}")}{(IfModRevision is { } revision ? $" if {revision}" : "")}{(User is null ? "" : $" by {User}")}";
    }

    public sealed record Delete(string Key) : Operation;

    /// <param name="Key">Null reads all.</param>
    /// <param name="IsSerializable">Whether an old state will do.</param>
    /// <param name="Revision">The state to be read, one that the client was told of; null: the newest.</param>
    /// <param name="User">Who reads; null: the one who may read all.</param>
    public sealed record Read(string? Key, bool IsSerializable = false, long? Revision = null, string? User = null) : Operation;

    /// <summary>Nobody asks for what was before a revision any more.</summary>
    public sealed record Compact(long Revision) : Operation;

    /// <summary>Waits for a lock that only one has at a time. It is the oldest key below the name.</summary>
    public sealed record Lock(string Name, long Lease) : Operation
    {
        /// <summary>The key of who waits, or has it.</summary>
        public string Key => string.Create(CultureInfo.InvariantCulture, $"{Name}/{Lease:x}");
    }

    public sealed record Unlock(Lock Held) : Operation;

    /// <summary>Begins a lease, or renews it.</summary>
    public sealed record Renew(long Lease, TimeSpan Ttl) : Operation;

    /// <summary>Gives a user the right to what all users share, or takes it. Who is new has none.</summary>
    public sealed record Permit(string User, bool IsPermitted) : Operation;

    /// <summary>On whose behalf a key is read or written that not everybody may; null: it is not asked for so.</summary>
    public string? RestrictedUser => this switch { Write write => write.User, Read read => read.User, _ => null };
}

/// <param name="Revision">Of the header.</param>
/// <param name="HasSucceeded">
/// Of a write: its condition held. Of a deletion: there was a key. Of a renewal: the lease was there. Of a read or a compaction: its revision was not
/// compacted; else there is no header. Of what a user asks for: it is permitted; else there is no header.
/// </param>
/// <param name="Pairs">What was read.</param>
internal sealed record Answer(long Revision, bool HasSucceeded, IReadOnlyList<Pair> Pairs)
{
    public override string ToString() => $"{(HasSucceeded ? "yes" : "no")} at {Revision}: {string.Join(", ", Pairs)}";
}

internal sealed record Pair(string Key, string Value, long ModRevision);

/// <param name="Revision">When.</param>
/// <param name="Key">Which key.</param>
/// <param name="Value">Its new value; null when it was deleted.</param>
/// <param name="Previous">Its value before; null when it was not there.</param>
internal sealed record Change(long Revision, string Key, string? Value, string? Previous);

/// <param name="Name">For people.</param>
/// <param name="Start">The revision it watched all keys from.</param>
/// <param name="Responses">The events as they came; none is empty.</param>
internal sealed record Watcher(string Name, long Start, IReadOnlyList<IReadOnlyList<Change>> Responses);
