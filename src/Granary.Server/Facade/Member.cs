using Granary.Log.Commits;
using Granary.Protos;
using Granary.Storage.Replicas;

namespace Granary.Server.Facade;

/// <summary>Who answers: the ids and the term that every header carries.</summary>
internal sealed class Member(Replica replica, ILeadership leadership)
{
    /// <summary>Completes the header of an answer; its revision is there already.</summary>
    public ResponseHeader Complete(ResponseHeader header)
    {
        var state = replica.State;
        header.ClusterId = state.ClusterId;
        header.MemberId = leadership.MemberId;
        header.RaftTerm = (ulong)state.Term;
        return header;
    }

    /// <summary>The header of an answer that reads nothing else of the store.</summary>
    public ResponseHeader NewHeader() => Complete(new ResponseHeader { Revision = replica.State.Revision });

    public ulong Id => leadership.MemberId;
}
