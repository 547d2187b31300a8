using Granary.Log.Commits;
using Granary.Mvcc.Errors;
using Granary.Protos;
using Granary.Server.Configuration;
using Granary.Server.Identity;
using Granary.Storage.Replicas;
using Grpc.Core;

namespace Granary.Server.Facade;

/// <summary>The Cluster service of a cluster of one member: it is listed, can say by which URLs it is reached, and neither leaves nor takes others in.</summary>
internal sealed class ClusterService(Callers callers, ICommitLog log, Leading leading, Member member, Members members, CallErrors errors)
    : Cluster.ClusterBase
{
    public override async Task<MemberListResponse> MemberList(MemberListRequest request, ServerCallContext context)
    {
        try
        {
            if (request.Linearizable)
            {
                await leading.Prove(context.CancellationToken);
            }

            callers.User(context);
            return new MemberListResponse { Header = member.Complete(new ResponseHeader()), Members = { await members.List(request.Linearizable) } };
        }
        catch (Exception exception)
        {
            throw await errors.Map(exception, context);
        }
    }

    public override async Task<MemberAddResponse> MemberAdd(MemberAddRequest request, ServerCallContext context)
    {
        CallErrors.ThrowIf(request.PeerURLs.Count == 0 || !request.PeerURLs.All(IsPeerUrl) ? EtcdError.BadMemberUrls : null);
        CallErrors.Run(() => callers.Admin(context));
        CallErrors.ThrowIf(request.PeerURLs.Intersect((await members.List(mustBeNew: false)).SelectMany(static one => one.PeerURLs)).Any() ? EtcdError.PeerUrlExists : null);
        throw new RpcException(new Status(StatusCode.Unimplemented, members.AreShared
            ? "etcdserver: members of this cluster add themselves: start one with the same --postgres and a --name of its own"
            : "etcdserver: this server is a cluster of its own and takes no further members"));
    }

    public override async Task<MemberRemoveResponse> MemberRemove(MemberRemoveRequest request, ServerCallContext context)
    {
        try
        {
            callers.Admin(context);
            await leading.Prove(context.CancellationToken);
            var before = await members.List(mustBeNew: true);
            EtcdException.ThrowIf(before.All(one => one.ID != request.ID) ? EtcdError.MemberNotFound : before.Count == 1 ? EtcdError.NotEnoughStartedMembers : null);
            await members.Remove(request.ID);
            return new MemberRemoveResponse { Header = member.NewHeader(), Members = { before.Where(one => one.ID != request.ID) } };
        }
        catch (Exception exception)
        {
            throw await errors.Map(exception, context);
        }
    }

    public override async Task<MemberUpdateResponse> MemberUpdate(MemberUpdateRequest request, ServerCallContext context)
    {
        try
        {
            var caller = callers.Admin(context);
            if (members.AreShared)
            {
                await leading.Prove(context.CancellationToken);
                await members.SetPeerUrls(request.ID, request.PeerURLs);
            }
            else
            {
                CallErrors.ThrowIf(request.ID == member.Id ? null : EtcdError.MemberNotFound);
                await log.SetPeerUrls(new PeerUrlsRecord([.. request.PeerURLs]), caller);
            }

            return new MemberUpdateResponse { Header = member.Complete(new ResponseHeader()), Members = { await members.List(mustBeNew: true) } };
        }
        catch (Exception exception)
        {
            throw await errors.Map(exception, context);
        }
    }

    public override async Task<MemberPromoteResponse> MemberPromote(MemberPromoteRequest request, ServerCallContext context)
    {
        CallErrors.Run(() => callers.Admin(context));
        throw CallErrors.Of((await members.List(mustBeNew: false)).Any(one => one.ID == request.ID) ? EtcdError.MemberNotLearner : EtcdError.MemberNotFound);
    }

    // Scheme, host and port, and no more.
    private static bool IsPeerUrl(string text) =>
        Uri.TryCreate(text, UriKind.Absolute, out var url) && url.Scheme is "http" or "https" && url.AbsolutePath == "/" && !text.EndsWith('/')
        && text.LastIndexOf(':') > text.LastIndexOf('/') && url.Host.Length > 0;
}
